import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { exportCommand } from './kit.ts';
import { planCommand } from './plan.ts';
import { pullCommand } from './pull.ts';
import { snapshotCommand } from './snapshot.ts';
import { statusCommand } from './status.ts';
import { importCommand, verifyCommand } from './zone.ts';
import { zoneCommand } from './zones.ts';

/** `mirror`: carries repositories of a registry into a zone without a network connection. */
export function mirrorCommand(command: Command, io: Io): void {
  snapshotCommand(command.command('snapshot'), io);
  planCommand(command.command('plan'), io);
  exportCommand(command.command('export'), io);
  pullCommand(command.command('pull'), io);
  importCommand(command.command('import'), io);
  verifyCommand(command.command('verify'), io);
  statusCommand(command.command('status'), io);
  zoneCommand(command.command('zone'), io);
  command.addHelpText('after', EXAMPLE);
}

const EXAMPLE = `
Outside: take a snapshot and export a kit. Inside: verify and import it. See docs/mirror-bundles.md.

Example:
  export-center mirror snapshot mirror.yaml --key cosign.key --stream-key s.key --online-key o.key
  export-center mirror export mirror.yaml --to kit.tar
  export-center mirror import kit.tar --to registry.zone:5000 --trust root.json --state state`;
