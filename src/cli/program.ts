import { Command, Help } from 'commander';
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
5 incomplete, run again to go on, 75 try again later, 130 interrupted.`;

/** A command as the list of all shows it, and what makes it whole: most runs need one. */
interface Entry {
  /** Its name and what it takes. */
  readonly usage: string;
  readonly summary: string;
  /** What adds options and deed. */
  readonly load: () => Promise<(command: Command, io: Io) => void>;
}

/** In the order in which help lists them. */
const entries: readonly Entry[] = [
  {
    usage: 'quickstart [options]',
    summary: 'export the sample, sign it, serve it on loopback, verify it, and print lines to paste',
    load: async () => (await import('./commands/quickstart.ts')).quickstartCommand,
  },
  {
    usage: 'export [options]',
    summary: 'build a bundle from sources, sign it and publish it',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    usage: 'plan [options]',
    summary: 'show what export would publish: digests, sizes, records; nothing is sent',
    load: async () => (await import('./commands/export.ts')).planCommand,
  },
  {
    usage: 'verify [options] <reference>',
    summary: 'prove signature, provenance and every layer of an artifact; exit status 3 if anything is not as signed',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    usage: 'copy [options] <source> <target>',
    summary: 'copy an artifact with its referrers and cosign tags, digests unchanged',
    load: async () => (await import('./commands/copy.ts')).copyCommand,
  },
  {
    usage: 'pull [options] <reference>',
    summary: 'write the titled layers of an artifact into a folder, each checked; goes on where a killed pull stopped',
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    usage: 'ls [options] <repository>',
    summary: 'list the tags of a repository; with --long what they point at',
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  {
    usage: 'inspect [options] <reference>',
    summary: 'show the manifest of an artifact',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  {
    usage: 'discover [options] <reference>',
    summary: 'show what refers to an artifact: signatures, provenance, export.json, in both of cosign’s forms',
    load: async () => (await import('./commands/discover.ts')).discoverCommand,
  },
  {
    usage: 'tag [options] <reference> <tags...>',
    summary: 'give an artifact more tags in its repository; a tag that points elsewhere is moved',
    load: async () => (await import('./commands/tag.ts')).tagCommand,
  },
  {
    usage: 'untag [options] <reference> [tags...]',
    summary: 'remove tags; the manifest stays, with its other tags',
    load: async () => (await import('./commands/untag.ts')).untagCommand,
  },
  {
    usage: 'delete [options] <reference>',
    summary: 'delete a manifest with all its tags; its blobs go with the next garbage collection',
    load: async () => (await import('./commands/delete.ts')).deleteCommand,
  },
  {
    usage: 'fsck [options] [place]',
    summary: 'read all of a layout or a registry store, and tell what is missing, damaged or unreachable',
    load: async () => (await import('./commands/fsck.ts')).fsckCommand,
  },
  {
    usage: 'gc [options] [place]',
    summary: 'delete what nothing in a layout or a registry store needs any more',
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  {
    usage: 'keys',
    summary: 'make and read signing keys that cosign can use too',
    load: async () => (await import('./commands/keys.ts')).keysCommand,
  },
  {
    usage: 'serve [options]',
    summary: 'serve the embedded registry',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
];

/**
 * The command line, bound to one world.
 *
 * @param words what was typed: the commands that it names are made whole, of the others the list knows the summary;
 *   all of them are where it is not given
 */
export async function createProgram(io: Io, words?: readonly string[]): Promise<Command> {
  const program = new Command('export-center')
    .description('Packages security evidence as signed OCI artifacts that stock tools can pull and prove.')
    .version(packageVersion())
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ subcommandTerm: usageOf })
    .addHelpText('after', EXAMPLES);
  for (const { usage, summary, load } of entries) {
    const [name = ''] = usage.split(' ');
    const command = new Command(name).description(summary);
    if (words === undefined || words.includes(name)) (await load())(command, io);
    program.addCommand(command);
  }
  bind(program, io);
  return program;
}

/** How the list of all shows a command. */
function usageOf(command: Command): string {
  const entry = entries.find(({ usage }) => usage.split(' ')[0] === command.name());
  return entry?.usage ?? new Help().subcommandTerm(command);
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
