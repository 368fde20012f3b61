import { type Command, InvalidArgumentError, Option } from 'commander';
import { CodedError } from '#core';
import { isLoopbackHost, isRegistryReference, type Reference } from '#oci/image';
import type { OpenOptions } from '#oci/transfer';
import type { OutputFormat } from './failure.ts';
import type { Io } from './io.ts';
import type { TlsFiles } from './options/tls-files.ts';
import { isPipe } from './pipe.ts';
import { createNotes, type ProgressLine } from './progress.ts';

/** Options that every command with a result has. */
export interface CommonOptions {
  readonly output: OutputFormat;
  readonly quiet: boolean;
}

/** Adds `--output` and `--quiet`. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--output <format>', 'format of the result on stdout').choices(['text', 'json']).default('text'),
    )
    .option('--quiet', 'do not write progress and notes to stderr', false);
}

/** Adds `--output` for commands whose result is a list, which may be long. */
export function withListOptions(command: Command): Command {
  const output = new Option('--output <format>', 'format of the result on stdout').choices(['text', 'json', 'ndjson']);
  return command.addOption(output.default('text'));
}

/** How registries are reached. */
export interface TransportOptions extends TlsFiles {
  readonly plainHttp?: boolean;
  readonly username?: string;
  readonly passwordStdin: boolean;
}

/** Adds the options of whatever names a registry. */
export function withTransportOptions(command: Command): Command {
  return command
    .option('--plain-http', 'use http instead of https; the default for loopback addresses without --ca-cert')
    .option('--no-plain-http', 'use https, also for loopback addresses')
    .option('--username <name>', 'log in to the registry as this user; by default, with the login of docker or podman')
    .option('--password-stdin', 'read the password of --username from standard input', false)
    .option('--ca-cert <file>', "PEM file of certificate authorities to trust, besides the system's")
    .option('--client-cert <file>', 'PEM file of the client certificate; by default, that of certs.d')
    .option('--client-key <file>', 'PEM file of the key of the client certificate');
}

/**
 * How the repositories of these references are opened.
 *
 * @param progress where waiting for a registry and its warnings are shown; on lines of their own unless there is one
 * @throws CodedError ERR_EXPORT_USAGE for a login or a client certificate that is not whole, or that would go to
 *   several registries
 */
export async function openOptions(
  io: Io,
  references: readonly Reference[],
  options: TransportOptions & { readonly quiet?: boolean },
  progress: ProgressLine = createNotes(io, options.quiet ?? false),
): Promise<OpenOptions> {
  const { plainHttp, username, passwordStdin, caCert, clientCert } = options;
  if ((username === undefined) === passwordStdin) {
    const hint = 'use both, and pipe the password to standard input';
    throw new CodedError('ERR_EXPORT_USAGE', '--username and --password-stdin require each other', { hint });
  }
  if (username !== undefined) refuseSeveral(references, '--username');
  if (clientCert !== undefined) refuseSeveral(references, '--client-cert');
  if (plainHttp === true && (caCert ?? clientCert) !== undefined) {
    const named = caCert === undefined ? '--client-cert' : '--ca-cert';
    throw new CodedError('ERR_EXPORT_USAGE', `--plain-http can't be used with ${named}`, {
      hint: 'omit --plain-http: certificates are for https',
    });
  }
  // Most runs name no certificates and no login.
  const hasFiles = (caCert ?? clientCert ?? options.clientKey) !== undefined;
  const files = hasFiles ? await (await import('./options/tls-files.ts')).readTlsFiles(options) : undefined;
  const tls = files === undefined ? undefined : { ...files, onLoopback: isForLoopback(references) };
  const credential = username === undefined ? undefined : await readLogin(io, references, username);
  return {
    plainHttp,
    retry: { onWait: progress.wait },
    onWarning: progress.warn,
    pipe: {
      input: io.stdin,
      // Only what writes an archive asks for it.
      get output() {
        return io.archiveOut();
      },
    },
    ...(credential === undefined ? {} : { credential }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Certificates are for the registry that is not on this machine, where one is named; that one speaks http beside it. */
function isForLoopback(references: readonly Reference[]): boolean {
  return references.every((place) => !isRegistryReference(place) || isLoopbackHost(place.registry));
}

/** What tells one registry who the user is, is no other's business. */
function refuseSeveral(references: readonly Reference[], option: string): void {
  const hosts = new Set(
    references.flatMap((place) => (isRegistryReference(place) ? [place.registry.toLowerCase()] : [])),
  );
  if (hosts.size < 2) return;
  throw new CodedError(
    'ERR_EXPORT_USAGE',
    `${option} can be used with one registry only, not with ${[...hosts].join(' and ')}`,
    {
      hint:
        option === '--username'
          ? 'log in to each of them first: docker login HOST, or podman login HOST'
          : 'put client.cert and client.key into certs.d/HOST for each registry',
    },
  );
}

async function readLogin(io: Io, references: readonly Reference[], username: string) {
  if (references.some(isPipe)) {
    throw new CodedError('ERR_EXPORT_USAGE', 'standard input cannot be both a password and an archive', {
      hint: 'log in first: docker login HOST, or podman login HOST',
    });
  }
  const { readPasswordFromStdin } = await import('./password.ts');
  return { kind: 'password', username, password: await readPasswordFromStdin(io) } as const;
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Lets commander report what a parser of ours refuses, in the parser's own words. */
export function parsing<T, Previous>(parse: (text: string, previous: Previous) => T) {
  return (text: string, previous: Previous): T => {
    try {
      return parse(text, previous);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      throw new InvalidArgumentError(error.hint === undefined ? error.message : `${error.message} (${error.hint})`);
    }
  };
}
