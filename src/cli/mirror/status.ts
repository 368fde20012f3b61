import type { Command } from 'commander';
import { encodeShortCode, type Imported, ZoneState } from '#mirror';
import { type Io, writeText } from '../io.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';

/** `mirror status`. */
export function statusCommand(command: Command, io: Io): void {
  withCommonOptions(command)
    .description('show what a zone has imported, by its state directory, and the short code of it')
    .requiredOption('--state <dir>', 'directory that mirror import was given')
    .addHelpText('after', '\nExample:\n  export-center mirror status --state state')
    .action(async ({ state, output }: CommonOptions & { readonly state: string }) => {
      const zone = new ZoneState(state);
      const [found, begun] = [await zone.read(), await zone.readBegun()];
      const code = found === undefined ? null : encodeShortCode(found);
      const json = { imported: withoutMetadata(found), begun: withoutMetadata(begun), code };
      const text = [
        ...(found === undefined
          ? ['nothing imported']
          : [
              `snapshot ${found.sequence} of ${found.stream}, ${found.snapshot}`,
              `kit ${found.kit}, verified at ${found.latestTime}`,
              `code ${code} (to be read out where no receipt can be carried back; it proves nothing)`,
            ]),
        ...(begun === undefined ? [] : [`snapshot ${begun.sequence} is incomplete: import kit ${begun.kit} again`]),
      ];
      await writeText(io.stdout, output === 'json' ? `${JSON.stringify(json)}\n` : asLines(text));
    });
}

function withoutMetadata(found: Imported | undefined): object | null {
  return found === undefined ? null : { ...found, metadata: undefined };
}
