import { CodedError } from '#core';
import { type Io, writeText } from './io.ts';

/**
 * The password of the private key: COSIGN_PASSWORD, which may be empty, else asked for on the terminal without echo.
 *
 * @throws CodedError ERR_EXPORT_PASSWORD_MISSING where there is neither
 */
export async function readPassword(io: Io, prompt: string): Promise<string> {
  const given = io.env['COSIGN_PASSWORD'];
  if (given !== undefined) return given;
  if (io.stdin.isTTY !== true || io.stdin.setRawMode === undefined) {
    throw new CodedError('ERR_EXPORT_PASSWORD_MISSING', 'no password for the private key', {
      hint: 'set COSIGN_PASSWORD (it may be empty), or run this in a terminal to be asked',
    });
  }
  await writeText(io.stderr, prompt);
  try {
    return await readHidden(io);
  } finally {
    await writeText(io.stderr, '\n');
  }
}

/**
 * A password for a new key: as readPassword, but typed twice on a terminal.
 *
 * @throws CodedError ERR_EXPORT_PASSWORD_MISSING, ERR_EXPORT_USAGE where the two differ
 */
export async function readNewPassword(io: Io): Promise<string> {
  const first = await readPassword(io, 'Password for the new private key (may be empty): ');
  if (io.env['COSIGN_PASSWORD'] !== undefined) return first;
  const second = await readPassword(io, 'Repeat the password: ');
  if (first === second) return first;
  throw new CodedError('ERR_EXPORT_USAGE', 'the two passwords differ', { hint: 'run the command again' });
}

/** Whether readPassword asks on the terminal. */
export function asksForPassword(io: Io): boolean {
  return io.env['COSIGN_PASSWORD'] === undefined;
}

const MAX_PASSWORD_BYTES = 16 * 1024;

/**
 * The password of a registry: all of standard input, without the end of its line.
 *
 * @throws CodedError ERR_EXPORT_PASSWORD_MISSING if there is none, ERR_EXPORT_USAGE for one that cannot be sent
 */
export async function readPasswordFromStdin({ stdin }: Io): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > MAX_PASSWORD_BYTES) break;
  }
  const password = text.replace(/\r?\n$/, '');
  if (password === '') {
    throw new CodedError('ERR_EXPORT_PASSWORD_MISSING', '--password-stdin: standard input is empty', {
      hint: 'pipe the password into the command',
    });
  }
  if (password.length <= MAX_PASSWORD_BYTES && !/[\0\r\n]/.test(password)) return password;
  throw new CodedError('ERR_EXPORT_USAGE', '--password-stdin: more than one line, or too long', {
    hint: 'pipe the password alone into the command',
  });
}

function readHidden(io: Io): Promise<string> {
  const { stdin, signal } = io;
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (complete: () => void) => {
      stdin.off('data', onData);
      signal.removeEventListener('abort', onAbort);
      stdin.setRawMode?.(false);
      stdin.pause();
      complete();
    };
    const interrupted = () => finish(() => reject(new CodedError('ERR_EXPORT_INTERRUPTED', 'interrupted', {})));
    const onAbort = interrupted;
    const onData = (chunk: Buffer | string) => {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n' || char === '\u0004') return finish(() => resolve(typed));
        if (char === '\u0003') return interrupted();
        typed = char === '\u007f' || char === '\b' ? typed.slice(0, -1) : typed + char;
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.setRawMode?.(true);
    stdin.on('data', onData);
    stdin.resume();
  });
}
