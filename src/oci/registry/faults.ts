import { CodedError, type ErrorCode, errorCodes, isCoded, maskSecrets, parseKnownJson, systemClock } from '#core';
import { collectUpTo } from '#oci/image';
import { parseRetryAfter } from './headers.ts';
import type { WireResponse } from './http/message.ts';
import { TooSlow } from './http/min-rate.ts';
import { describeTlsFault, isCertificateFault } from './http/tls.ts';
import { redactUrl } from './origin.ts';

/** The error of a connection that could not be made or broke. */
export function networkError(error: unknown, url: URL, method: string): CodedError {
  if (error instanceof CodedError) return error;
  if (error instanceof TooSlow) return tooSlow(error, url);
  const system = systemCode(error);
  const [what, hint] = describeTlsFault(error, system, url) ?? describe(system, url);
  return new CodedError('ERR_EXPORT_NETWORK', `${method} ${redactUrl(url)}: ${what}`, {
    hint,
    details: { url: redactUrl(url), system },
    cause: error,
  });
}

/** Another try would be held as long. */
function tooSlow(error: TooSlow, url: URL): CodedError {
  return final(
    new CodedError('ERR_EXPORT_NETWORK', `${redactUrl(url)}: the response is too slow: ${error.message}`, {
      hint: 'check the network, then run it again; if it persists, ask the registry operator',
      details: { url: redactUrl(url), system: 'ETIMEDOUT' },
      cause: error,
    }),
  );
}

const finals = new WeakSet<object>();

/** Marks an error as having had its tries, so that nobody further up begins again. */
export function final<T extends object>(error: T): T {
  finals.add(error);
  return error;
}

/** Whether the same request may go better a little later. */
export function isTransient(error: unknown): error is CodedError {
  if (error instanceof Error && finals.has(error)) return false;
  if (isCoded(error, 'ERR_EXPORT_REGISTRY_UNAVAILABLE', 'ERR_EXPORT_RATE_LIMITED')) return true;
  return isCoded(error, 'ERR_EXPORT_NETWORK') && !isCertificateFault(String(error.details['system']));
}

function describe(system: string, url: URL): [string, string] {
  if (system === 'ECONNREFUSED') return ['connection refused', 'check that the registry runs there, and the port'];
  if (system === 'ENOTFOUND' || system === 'EAI_AGAIN')
    return [`host ${url.hostname} not found`, 'check the host name'];
  if (/TIMEOUT|ETIMEDOUT/.test(system)) return ['timed out', 'check the network, then run it again'];
  const again = 'run it again; completed content is not sent again';
  // A registry that lets nobody in without one closes the connection, and says no more.
  const client = '; if it asks for a client certificate, specify one with --client-cert or in certs.d/HOST';
  const tls = '; if it speaks TLS, add --no-plain-http';
  return [`the connection broke (${system})`, `${again}${url.protocol === 'https:' ? client : tls}`];
}

function systemCode(error: unknown): string {
  for (let fault = error; fault instanceof Error; fault = fault.cause) {
    if (fault instanceof AggregateError && fault.errors.length > 0) return systemCode(fault.errors[0]);
    if ('code' in fault && typeof fault.code === 'string') return fault.code;
  }
  return 'unknown';
}

/** What may be shown of what a registry says. */
const MAX_SHOWN = 300;
const MAX_BODY_BYTES = 8 * 1024;

const BY_STATUS: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  401: ['ERR_EXPORT_UNAUTHORIZED', 'log in (docker login HOST), or pass --username and --password-stdin'],
  403: ['ERR_EXPORT_FORBIDDEN', 'ask for access to this repository, or check the login'],
  404: ['ERR_EXPORT_NOT_FOUND', 'check the reference; export-center ls REPOSITORY lists the tags'],
  408: ['ERR_EXPORT_REGISTRY_UNAVAILABLE', 'run it again later'],
  429: ['ERR_EXPORT_RATE_LIMITED', 'run it again later, or log in for a higher limit'],
};

const DAMAGED = ['ERR_EXPORT_DIGEST_MISMATCH', 'push it again, or ask the registry operator to repair it'] as const;

/** A registry that finds its own content damaged, as ours does, has nothing better to give at another try. */
function saysDamaged(status: number, code: string | undefined): boolean {
  return status >= 500 && code === 'DIGEST_INVALID';
}

/** The error for an answer that is none of those hoped for. Reads and drops its body. */
export async function refusal(response: WireResponse, method: string, who = 'registry'): Promise<CodedError> {
  const { status, url } = response;
  const said = method === 'HEAD' ? undefined : await readSaid(response);
  if (said?.wantsTls && url.protocol === 'http:') return wantsTls(url, method);
  const [code, hint] = saysDamaged(status, said?.code) ? DAMAGED : (said?.own ?? BY_STATUS[status] ?? byClass(status));
  const what = said === undefined ? `${status}` : `${status} ${said.text}`.trim();
  const registryCode = said?.code === undefined ? {} : { registryCode: said.code };
  const told = parseRetryAfter(response.header('retry-after'), systemClock.now());
  const retryAfterMs = told === undefined ? {} : { retryAfterMs: told };
  return new CodedError(code, `${method} ${redactUrl(url)}: the ${who} answered ${what}`, {
    hint,
    details: { url: redactUrl(url), status, ...registryCode, ...retryAfterMs },
  });
}

/** The error for an answer that no registry should give. */
export function protocolError(url: URL, what: string, facts: { readonly cause?: unknown } = {}): CodedError {
  return new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${redactUrl(url)}: ${what}`, {
    hint: 'check that this is a registry, and any proxy in front of it; ask the registry operator',
    details: { url: redactUrl(url) },
    ...facts,
  });
}

function byClass(status: number): readonly [ErrorCode, string] {
  if (status === 501 || status === 505)
    return ['ERR_EXPORT_REGISTRY_REFUSED', 'the registry does not support this operation'];
  if (status >= 500)
    return ['ERR_EXPORT_REGISTRY_UNAVAILABLE', 'run it again later; completed content is not sent again'];
  if (status >= 400) return ['ERR_EXPORT_REGISTRY_REFUSED', 'see the registry’s message; ask the registry operator'];
  return ['ERR_EXPORT_REGISTRY_PROTOCOL', 'check that this is a registry, and any proxy in front of it'];
}

/** What a registry says of a failure. */
interface Said {
  readonly code: string | undefined;
  readonly text: string;
  /** The code and hint of a problem of ours (RFC 9457, manifests-schema/api-problem.schema.json), for what is not its own. */
  readonly own?: readonly [ErrorCode, string] | undefined;
  /** It says that it speaks TLS, as servers in Go and nginx do when they are spoken to in plain http. */
  readonly wantsTls?: boolean;
}

function wantsTls(url: URL, method: string): CodedError {
  return new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${method} ${redactUrl(url)}: the registry speaks TLS`, {
    hint: 'add --no-plain-http, and --ca-cert for a private CA',
    details: { url: redactUrl(url) },
  });
}

async function readSaid(response: WireResponse): Promise<Said> {
  // The status says enough where the rest breaks off.
  const bytes = await collectUpTo(response.body, MAX_BODY_BYTES).catch(() => new Uint8Array());
  try {
    const body = parseKnownJson(bytes.subarray(0, MAX_BODY_BYTES)) as {
      errors: { code?: unknown; message?: unknown }[];
    };
    if (response.header('content-type')?.startsWith('application/problem+json')) return problemSaid(body, response);
    const { code, message } = body.errors[0] ?? {};
    const known = typeof code === 'string' ? clip(code) : undefined;
    return { code: known, text: [known, typeof message === 'string' ? clip(message) : ''].filter(Boolean).join(': ') };
  } catch {
    const text = Buffer.from(bytes.subarray(0, MAX_SHOWN)).toString('latin1');
    return {
      code: undefined,
      text: '',
      wantsTls: /\bHTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)\b/.test(text),
    };
  }
}

function problemSaid(problem: object, { status }: WireResponse): Said {
  const { code, detail, hint } = problem as { code?: unknown; detail?: unknown; hint?: unknown };
  const known = errorCodes.find((each) => each === code);
  const text = [known, typeof detail === 'string' ? clip(detail) : ''].filter(Boolean).join(': ');
  const next = typeof hint === 'string' ? clip(hint) : 'see the message; ask the operator of the server';
  // What failed behind it may pass, whatever its code would mean here.
  return { code: known, text, own: known === undefined || status >= 500 ? undefined : [known, next] };
}

/** A registry may echo what it was sent, tokens included, and terminals obey control characters. */
function clip(text: string): string {
  return maskSecrets(text)
    .slice(0, MAX_SHOWN)
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .replace(/\b(bearer|basic)\s+\S+/gi, '$1 …')
    .replace(/\bhttps?:\/\/[^\s"'<>]+/gi, (url) => redactUrl(url));
}
