import { spawn } from 'node:child_process';
import { CodedError, type JsonObject, parseJsonObject } from '#core';

/** What a helper program knows of a server; undefined where it knows nothing. */
export type CredentialHelper = (
  name: string,
  server: string,
) => Promise<{ readonly username: string; readonly secret: string } | undefined>;

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Asks `docker-credential-NAME get` (docker's credential helper protocol): the server on its stdin, JSON on its stdout.
 *
 * @throws CodedError ERR_EXPORT_USAGE when it cannot be run or fails; its output, which may hold secrets, is not shown
 */
export const runCredentialHelper: CredentialHelper = async (name, server) => {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw helperFailed(name, server, 'has a name that is no program name');
  const { status, output } = await run(`docker-credential-${name}`, server).catch((cause: unknown) => {
    throw helperFailed(name, server, 'cannot be run', cause);
  });
  if (status !== 0) {
    if (/credentials not found|no credentials|not found in native keychain/i.test(output)) return undefined;
    throw helperFailed(name, server, `ended with status ${status}`);
  }
  let answer: JsonObject;
  try {
    answer = parseJsonObject(Buffer.from(output), `docker-credential-${name}`);
  } catch (cause) {
    throw helperFailed(name, server, 'gave no JSON', cause);
  }
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== 'string' || typeof secret !== 'string') throw helperFailed(name, server, 'gave no login');
  return secret === '' ? undefined : { username, secret };
};

function run(program: string, input: string): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: TIMEOUT_MS });
    let output = '';
    child.on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_ANSWER_BYTES) child.kill();
    });
    child.on('close', (status) => resolve({ status, output }));
    // A helper that ends without reading breaks the pipe; its status says more.
    child.stdin.on('error', () => undefined).end(input);
  });
}

function helperFailed(name: string, server: string, what: string, cause?: unknown): CodedError {
  const program = `docker-credential-${name}`.slice(0, 100);
  return new CodedError('ERR_EXPORT_USAGE', `the credential helper ${program}, asked for ${server}, ${what}`, {
    hint: 'try it by hand, or take it out of docker’s config.json, or pass --username and --password-stdin',
    details: { program, server },
    cause,
  });
}
