import { Command } from 'commander';
import { type RunningServer, startServer } from '#server';
import { type Io, writeText } from '../io.ts';
import { parseListen } from '../listen.ts';
import { untilInterrupted } from '../until-interrupted.ts';
import { type CommonOptions, parsing, withCommonOptions } from './options.ts';

interface ServeOptions extends CommonOptions {
  readonly data: string;
  readonly listen: { host: string; port: number };
}

/** `serve`: the registry over a data folder, until it is told to stop. */
export function serveCommand(io: Io): Command {
  const command = new Command('serve')
    .description('serve the embedded registry; read-only when it listens beyond loopback')
    .option('--data <dir>', 'folder that holds the registry; made if missing', 'data')
    .option('--listen <host:port>', 'address to listen at; port 0 takes a free one', parsing(parseListen), {
      host: '127.0.0.1',
      port: 8080,
    })
    .addHelpText('after', '\nExample:\n  export-center serve --data data --listen 127.0.0.1:8080');
  return withCommonOptions(command).action((options: ServeOptions) => serve(io, options));
}

async function serve(io: Io, { data, listen, output }: ServeOptions): Promise<void> {
  const server = await startServer({ dataDir: data, ...listen });
  try {
    await announce(io, server, output === 'json');
    await untilInterrupted(io.signal);
  } finally {
    await server.close();
  }
}

async function announce(io: Io, { address, readOnly }: RunningServer, json: boolean): Promise<void> {
  const url = `http://${address}`;
  await writeText(
    io.stdout,
    json ? `${JSON.stringify({ url, readOnly })}\n` : `serving ${url}${readOnly ? ' (read-only)' : ''}\n`,
  );
}
