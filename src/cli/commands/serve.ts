import { type Command, Option } from 'commander';
import { CodedError } from '#core';
import { type RunningServer, type ServerOptions, startServer } from '#server';
import { type Io, untilInterrupted, writeText } from '../io.ts';
import { parseListen } from '../listen.ts';
import { openOffers, type ServeMirrorOptions, withMirrorOptions } from '../mirror.ts';
import { oneLine } from '../one-line.ts';
import { parsing, withCommonOptions } from '../options.ts';

interface ServeOptions extends ServeMirrorOptions {
  readonly data: string;
  readonly listen: { host: string; port: number };
  readonly htpasswd?: string;
  readonly anonymousRead: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly readOnly: boolean;
  readonly delete: boolean;
  readonly behindProxy: boolean;
}

const DEFAULT_LISTEN = '127.0.0.1:8080';

const EXAMPLES = `
To listen on an address other than loopback, --htpasswd or --read-only is required. The password and TLS files are
reloaded when they change.

Examples:
  export-center serve --data data
      anyone on this machine can push and pull, at 127.0.0.1:8080
  htpasswd -B -c users alice
  export-center serve --listen 0.0.0.0:5000 --htpasswd users --tls-cert tls.crt --tls-key tls.key
      users push and pull after docker login, oras login, crane auth login or skopeo login
  export-center serve --listen 0.0.0.0:5000 --read-only
      anyone can pull, no one can push
  export-center serve --data data --mirror mirror.yaml --kit-key stream.key
      zones fetch kits with what they lack: export-center mirror pull http://HOST:PORT/v1/mirrors/STREAM`;

/** `serve`: the registry over a data folder, until it is told to stop. */
export function serveCommand(command: Command, io: Io): void {
  command
    .option('--data <dir>', 'data directory of the registry; created if missing', 'data')
    .addOption(
      new Option('--listen <host:port>', 'address to listen on; port 0 picks a free one')
        .argParser(parsing(parseListen))
        .default(parseListen(DEFAULT_LISTEN), DEFAULT_LISTEN),
    )
    .option('--htpasswd <file>', 'file of users and bcrypt hashes, as htpasswd -B writes it; everyone must log in')
    .option('--anonymous-read', 'with --htpasswd, allow pulls without a login', false)
    .option('--tls-cert <file>', 'serve https with this certificate (PEM file, with its intermediates)')
    .option('--tls-key <file>', 'PEM file of the key of the certificate')
    .option('--read-only', 'refuse pushes and deletes', false)
    .option('--no-delete', 'refuse deletes of manifests, tags and blobs')
    .option(
      '--behind-proxy',
      'a reverse proxy with TLS is in front of it; take client addresses from X-Forwarded-For',
      false,
    )
    .addHelpText('after', EXAMPLES);
  withMirrorOptions(withCommonOptions(command)).action((options: ServeOptions) => serve(io, options));
}

async function serve(io: Io, options: ServeOptions): Promise<void> {
  const { offers, close } = await openOffers(io, options);
  let server: RunningServer | undefined;
  try {
    server = await startServer({ ...serverOptionsOf(io, options), mirrors: offers });
    for (const warning of server.warnings) await writeText(io.stderr, `WARNING: ${warning}.\n`);
    await announce(io, server, options.output === 'json');
    await untilInterrupted(io.signal);
  } finally {
    await server?.close();
    await close();
  }
}

function serverOptionsOf(io: Io, options: ServeOptions): ServerOptions {
  const { data, listen, htpasswd, anonymousRead, tlsCert, tlsKey, readOnly, behindProxy } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [given, other] = tlsKey === undefined ? ['--tls-cert', '--tls-key'] : ['--tls-key', '--tls-cert'];
    throw new CodedError('ERR_EXPORT_USAGE', `${given} requires ${other}`, { hint: `add ${other} FILE` });
  }
  const say = (text: string): void => void io.stderr.write(`${text}\n`);
  return {
    dataDir: data,
    ...listen,
    readOnly,
    deletes: options.delete,
    anonymousRead,
    behindProxy,
    ...(htpasswd === undefined ? {} : { htpasswdFile: htpasswd }),
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { tls: { certFile: tlsCert, keyFile: tlsKey } }),
    report: (error) => say(`error: ${oneLine(error instanceof Error ? error.message : String(error))}`),
    ...(options.quiet ? {} : { notice: say }),
  };
}

async function announce(io: Io, { url, readOnly }: RunningServer, json: boolean): Promise<void> {
  await writeText(
    io.stdout,
    json ? `${JSON.stringify({ url, readOnly })}\n` : `serving ${url}${readOnly ? ' (read-only)' : ''}\n`,
  );
}
