import { spawn } from 'node:child_process';
import { CodedError, type JsonObject, parseJsonObject } from '#core';

/** What a helper program knows of a server; undefined where it knows nothing. */
export type CredentialHelper = (
  name: string,
  server: string,
) => Promise<{ readonly username: string; readonly secret: string } | undefined>;

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_WORDS = 2048;
const MAX_SHOWN = 300;

/**
 * Asks `docker-credential-NAME get` (docker's credential helper protocol): the server on its stdin, JSON on its stdout.
 *
 * @throws CodedError ERR_EXPORT_USAGE when it cannot be run or fails, with what it said of that, cut and masked
 */
export const runCredentialHelper: CredentialHelper = async (name, server) => {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw helperFailed(name, server, 'has a name that is no program name');
  const { status, output, errors } = await run(`docker-credential-${name}`, server).catch((cause: unknown) => {
    throw helperFailed(name, server, 'cannot be run', cause);
  });
  if (status !== 0) {
    if (/credentials not found|no credentials|not found in native keychain/i.test(output)) return undefined;
    const ended = status === null ? 'was ended' : `ended with status ${status}`;
    const words = sayableOf(output) || sayableOf(errors);
    throw helperFailed(name, server, words === '' ? ended : `${ended}: ${words}`);
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

interface Ended {
  readonly status: number | null;
  readonly output: string;
  /** The beginning of what it wrote on its stderr. */
  readonly errors: string;
}

function run(program: string, input: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
    let output = '';
    let errors = '';
    child.on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_ANSWER_BYTES) child.kill();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (errors.length < MAX_WORDS) errors += text.slice(0, MAX_WORDS);
    });
    child.on('close', (status) => resolve({ status, output, errors }));
    // A helper that ends without reading breaks the pipe; its status says more.
    child.stdin.on('error', () => undefined).end(input);
  });
}

/** What a helper says, in one line, cut, and without what may be a secret. */
function sayableOf(text: string): string {
  const line = text
    .slice(0, MAX_WORDS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  // What looks like an answer is one, and holds the secret itself.
  if (/["'](?:secret|password|username)["']/i.test(line)) return '';
  const masked = line
    .replace(/\b(bearer|basic|secret|password|passwd|token|key)\b(["']?\s?[:=]?\s?["']?)[^\s"',;]+/gi, maskNamed)
    .replace(/\b(https?:\/\/)[^\s/@]+@/gi, '$1…@')
    .replace(/[A-Za-z0-9+/_=.~-]{20,}/g, maskToken);
  return masked.length > MAX_SHOWN ? `${masked.slice(0, MAX_SHOWN)}…` : masked;
}

/** "the token x" may be a sentence; "token: x" and "Bearer x" name a secret. */
function maskNamed(all: string, name: string, between: string): string {
  return /[:=]/.test(between) || /^(?:bearer|basic)$/i.test(name) ? `${name}${between}…` : all;
}

/** Long words with letters and digits in them are tokens, unless they are paths, hosts or versions. */
function maskToken(word: string): string {
  const isLong = (part: string) => part.length >= 20 && /\d/.test(part) && /[A-Za-z]/.test(part);
  const looksNamed = word.startsWith('/') || /^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:\/|$)/.test(word);
  return (looksNamed ? word.split(/[/.]/) : [word]).some(isLong) ? '…' : word;
}

function helperFailed(name: string, server: string, what: string, cause?: unknown): CodedError {
  const program = `docker-credential-${name}`.slice(0, 100);
  return new CodedError('ERR_EXPORT_USAGE', `the credential helper ${program}, asked for ${server}, ${what}`, {
    hint: 'try it by hand, or take it out of docker’s config.json, or pass --username and --password-stdin',
    details: { program, server },
    cause,
  });
}
