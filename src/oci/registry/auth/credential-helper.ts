import { spawn } from 'node:child_process';
import { CodedError, type JsonObject, parseJsonObject } from '#core';

/** What a helper program knows of a server; undefined where it knows nothing. */
export type CredentialHelper = (
  name: string,
  server: string,
) => Promise<{ readonly username: string; readonly secret: string } | undefined>;

/**
 * What a helper may see of the environment: where things are, how to reach a key ring or a desktop, proxies, and the
 * clouds' own settings. Passwords of other programs, such as COSIGN_PASSWORD, are not among it.
 */
const SHARED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|TMPDIR|TEMP|TMP|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|DOCKER_\w+|REGISTRY_AUTH_FILE|GNUPGHOME|GPG_TTY|GPG_AGENT_INFO|PASSWORD_STORE_\w+|SSL_CERT_FILE|SSL_CERT_DIR|(?:https?|no|all)_proxy|AWS_\w+|AMAZON_\w+|ECS_\w+|GOOGLE_\w+|GCLOUD_\w+|GCE_\w+|CLOUDSDK_\w+|KUBERNETES_SERVICE_\w+|AZURE_\w+|ACR_\w+|MSI_\w+|IDENTITY_\w+|OCI_CLI_\w+|GITHUB_TOKEN|GH_TOKEN|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|PROGRAMDATA|USERPROFILE|USERNAME)$/i;

/** The variables that a credential helper is run with. */
function helperEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const shared = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && SHARED.test(entry[0]);
  });
  return Object.fromEntries(shared);
}

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
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw helperFailed(name, server, 'has an invalid name');
  const { status, output, errors } = await run(
    `docker-credential-${name}`,
    server,
    helperEnvironment(process.env),
  ).catch((cause: unknown) => {
    throw helperFailed(name, server, 'cannot be run', cause);
  });
  if (status !== 0) {
    if (/credentials not found|no credentials|not found in native keychain/i.test(output)) return undefined;
    const ended = status === null ? 'was killed' : `exited with status ${status}`;
    const words = sayableOf(output) || sayableOf(errors);
    throw helperFailed(name, server, words === '' ? ended : `${ended}: ${words}`);
  }
  let answer: JsonObject;
  try {
    answer = parseJsonObject(Buffer.from(output), `docker-credential-${name}`);
  } catch (cause) {
    throw helperFailed(name, server, 'returned invalid JSON', cause);
  }
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== 'string' || typeof secret !== 'string') throw helperFailed(name, server, 'returned no login');
  return secret === '' ? undefined : { username, secret };
};

interface Ended {
  readonly status: number | null;
  readonly output: string;
  /** The beginning of what it wrote on its stderr. */
  readonly errors: string;
}

function run(program: string, input: string, env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env, stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
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
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,2048}/gu, ' ')
    .trim();
  // What looks like an answer is one, and holds the secret itself.
  if (/["'](?:secret|password|username)["']/i.test(line)) return '';
  const masked = line
    .replace(/\b(bearer|basic|secret|password|passwd|token|key)\b(["']?\s?[:=]?\s?["']?)[^\s"',;]+/gi, maskNamed)
    .replace(/\b(https?:\/\/)[^\s/@]+@/gi, '$1…@')
    .replace(/[A-Za-z0-9+/_=.~-]{20,2048}/g, maskToken);
  return masked.length > MAX_SHOWN ? `${masked.slice(0, MAX_SHOWN)}…` : masked;
}

/** "the token x" may be a sentence; "token: x" and "Bearer x" name a secret. */
function maskNamed(all: string, name: string, between: string): string {
  return /[:=]/.test(between) || /^(?:bearer|basic)$/i.test(name) ? `${name}${between}…` : all;
}

/** Long words with letters and digits in them are tokens, unless they are paths, hosts or versions. */
function maskToken(word: string): string {
  const isLong = (part: string) => part.length >= 20 && /\d/.test(part) && /[A-Za-z]/.test(part);
  const looksNamed = word.startsWith('/') || /^[a-z0-9-]+(?:\.[a-z0-9-]+){1,127}(?:\/|$)/.test(word);
  return (looksNamed ? word.split(/[/.]/) : [word]).some(isLong) ? '…' : word;
}

function helperFailed(name: string, server: string, what: string, cause?: unknown): CodedError {
  const program = `docker-credential-${name}`.slice(0, 100);
  return new CodedError('ERR_EXPORT_USAGE', `the credential helper ${program}, asked for ${server}, ${what}`, {
    hint: 'run it by hand, or remove it from docker’s config.json, or use --username and --password-stdin',
    details: { program, server },
    cause,
  });
}
