import type { Command } from 'commander';
import { CodedError } from '#core';
import {
  type MirrorSpec,
  parseZoneName,
  readReceiptFile,
  recordReceipt,
  statusOfZones,
  ZoneRegister,
  type ZoneStatus,
} from '#mirror';
import { keyidOf } from '#signing';
import { type Io, writeText } from '../io.ts';
import { loadEd25519PublicKey } from '../key-files.ts';
import { plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, parsing, withCommonOptions } from '../options.ts';
import { readSpec } from './spec-file.ts';

/** `mirror zone`: the zones whose receipts say what the next delta has to bring. */
export function zoneCommand(command: Command, io: Io): void {
  command.description('the zones of a mirror, and what their receipts say that they have');
  addCommand(command.command('add'), io);
  listCommand(command.command('list'), io);
  removeCommand(command.command('remove'), io);
  receiptCommand(command.command('receipt'), io);
  command.addHelpText(
    'after',
    `
Example:
  export-center mirror zone add mirror.yaml plant --key plant.pub
  export-center mirror zone receipt mirror.yaml main.7.dsse.json
  export-center mirror zone list mirror.yaml`,
  );
}

function withSpec(command: Command): Command {
  return withCommonOptions(command).argument(
    '<spec>',
    'file with the mirror spec (YAML), which names a directory zones',
  );
}

function exampleOf(line: string): string {
  return `\nExample:\n  export-center ${line}`;
}

function addCommand(command: Command, io: Io): void {
  withSpec(command)
    .description('make a zone known by the key that signs its receipts')
    .addHelpText('after', exampleOf('mirror zone add mirror.yaml plant --key plant.pub'))
    .argument('<name>', 'what the zone is called', parsing(parseZoneName))
    .requiredOption('--key <file>', 'public key (Ed25519) of mirror import --zone-key; get it from the zone')
    .action(async (spec: string, name: string, options: CommonOptions & { readonly key: string }) => {
      const { register } = await openZones(spec);
      const key = await loadEd25519PublicKey(options.key);
      const isNew = await register.exclusively(() => register.add({ name, key }));
      const json = { zone: name, key: keyidOf(key), isNew };
      await tell(io, options, json, [`${isNew ? 'added' : 'unchanged'} zone ${name}, key ${json.key}`]);
    });
}

function removeCommand(command: Command, io: Io): void {
  withSpec(command)
    .description('forget a zone, its key and its receipts')
    .addHelpText('after', exampleOf('mirror zone remove mirror.yaml plant'))
    .argument('<name>', 'what the zone is called', parsing(parseZoneName))
    .action(async (spec: string, name: string, options: CommonOptions) => {
      const { register } = await openZones(spec);
      await register.exclusively(() => register.remove(name));
      await tell(io, options, { zone: name }, [`removed zone ${name}`]);
    });
}

function listCommand(command: Command, io: Io): void {
  withSpec(command)
    .description('show what each zone has, and how far behind it is')
    .addHelpText('after', exampleOf('mirror zone list mirror.yaml'))
    .action(async (path: string, options: CommonOptions) => {
      const { spec, register } = await openZones(path);
      const status = await statusOfZones(spec, register);
      const lines = status.length === 0 ? ['no zones'] : status.map(describeZone);
      await tell(io, options, status.map(zoneAsJson), lines);
    });
}

function receiptCommand(command: Command, io: Io): void {
  withSpec(command)
    .description('record the receipt of a zone; the next delta for it starts from there')
    .addHelpText('after', exampleOf('mirror zone receipt mirror.yaml main.7.dsse.json'))
    .argument('<receipt>', 'the file that mirror import --zone-key wrote')
    .option('--allow-older', 'accept a receipt older than the recorded one, of a zone that went back on purpose', false)
    .action(async (path: string, file: string, options: CommonOptions & { readonly allowOlder: boolean }) => {
      const { spec, register } = await openZones(path);
      const bytes = await readReceiptFile(file);
      const { zone, receipt, isNew } = await recordReceipt(spec, register, bytes, file, options);
      const { sequence, snapshot, at, fidelity } = receipt;
      const json = { zone, isNew, sequence, snapshot, verifiedAt: at, lacking: fidelity.lacking.length };
      await tell(io, options, json, [
        `${isNew ? 'recorded' : 'unchanged'} receipt of zone ${zone}`,
        `snapshot ${sequence} of ${spec.stream}, ${snapshot}, verified at ${at}`,
        ...(json.lacking === 0 ? [] : [`it lacks ${plural(json.lacking, 'object')} of the snapshot`]),
      ]);
    });
}

async function openZones(path: string): Promise<{ readonly spec: MirrorSpec; readonly register: ZoneRegister }> {
  const spec = await readSpec(path);
  if (spec.zones !== undefined) return { spec, register: new ZoneRegister(spec.zones) };
  throw new CodedError('ERR_EXPORT_MIRROR_SPEC', `${path}: it names no directory of zones`, {
    hint: 'add a line to it, such as: zones: zones',
    details: { name: path },
  });
}

function zoneAsJson({ zone, receipt, behind }: ZoneStatus) {
  return {
    zone: zone.name,
    key: keyidOf(zone.key),
    behind,
    receipt:
      receipt === undefined
        ? null
        : {
            sequence: receipt.sequence,
            snapshot: receipt.snapshot,
            kit: receipt.kit,
            target: receipt.target,
            verifiedAt: receipt.at,
            lacking: receipt.fidelity.lacking.length,
          },
  };
}

function describeZone({ zone, receipt, behind }: ZoneStatus): string {
  if (receipt === undefined) return `${zone.name}: no receipt, ${plural(behind, 'snapshot')} behind`;
  const distance = behind === 0 ? 'up to date' : `${plural(behind, 'snapshot')} behind`;
  const { lacking } = receipt.fidelity;
  const lacks = lacking.length === 0 ? '' : `; it lacks ${plural(lacking.length, 'object')}`;
  return `${zone.name}: snapshot ${receipt.sequence} since ${receipt.at}, ${distance}${lacks}`;
}

function tell(io: Io, { output }: CommonOptions, json: unknown, lines: readonly string[]): Promise<void> {
  return writeText(io.stdout, output === 'json' ? `${JSON.stringify(json)}\n` : asLines(lines));
}
