import { Command } from 'commander';
import { copyCommand } from './commands/copy.ts';
import { deleteCommand } from './commands/delete.ts';
import { discoverCommand } from './commands/discover.ts';
import { exportCommand, planCommand } from './commands/export.ts';
import { fsckCommand } from './commands/fsck.ts';
import { gcCommand } from './commands/gc.ts';
import { inspectCommand } from './commands/inspect.ts';
import { keysCommand } from './commands/keys.ts';
import { lsCommand } from './commands/ls.ts';
import { pullCommand } from './commands/pull.ts';
import { quickstartCommand } from './commands/quickstart.ts';
import { serveCommand } from './commands/serve.ts';
import { tagCommand } from './commands/tag.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Io } from './io.ts';
import { packageVersion } from './version.ts';

const EXAMPLES = `
Examples:
  export-center quickstart
      exports the sample, signs it, serves it on loopback, prints lines to paste
  export-center keys generate --out keys
      makes cosign.key, cosign.pub and trusted_root.json
  export-center export --profile trivy:db --source osv-go.zip --to registry.example:5000/security/trivy-db:2 --key keys/cosign.key
      builds, signs and pushes a database for trivy --db-repository
  export-center verify registry.example:5000/security/trivy-db:2 --key keys/cosign.pub
      proves signature, provenance and every layer

Exit status: 0 done, 1 failure, 2 usage or bad input, 3 verification failed, 4 not allowed,
5 interrupted, run again to go on, 75 try again later, 130 interrupted.`;

/** In the order in which help lists them. */
const commands = [
  quickstartCommand,
  exportCommand,
  planCommand,
  verifyCommand,
  copyCommand,
  pullCommand,
  lsCommand,
  inspectCommand,
  discoverCommand,
  tagCommand,
  deleteCommand,
  fsckCommand,
  gcCommand,
  keysCommand,
  serveCommand,
];

/** The command line with all its commands, bound to one world. */
export function createProgram(io: Io): Command {
  const program = new Command('export-center')
    .description('Packages security evidence as signed OCI artifacts that stock tools can pull and prove.')
    .version(packageVersion())
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES);
  for (const make of commands) {
    program.addCommand(make(io));
  }
  bind(program, io);
  return program;
}

/** Commands throw instead of ending the process, and write to the streams of their world. */
function bind(command: Command, io: Io): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => io.stdout.write(text),
    // The message comes once, from reportFailure.
    writeErr: () => undefined,
  });
  for (const child of command.commands) bind(child, io);
}
