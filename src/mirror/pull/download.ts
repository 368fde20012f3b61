import { CodedError, isCoded, pause } from '#core';
import type { OperationOptions } from '#oci/image';
import type { DeltaPlan } from '../service.ts';
import { etagOf, type KitAnswer, type KitServer } from './kit-server.ts';
import type { PartialKit } from './partial-kit.ts';

/** Told of bytes as they arrive. */
export interface DownloadOptions extends OperationOptions {
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/** How often in a row a connection may break after it brought next to nothing. */
const MAX_IDLE_BREAKS = 5;
const MIN_PROGRESS_BYTES = 64 * 1024;
const FIRST_PAUSE_MS = 250;

/**
 * Fetches the rest of a kit. A connection that breaks is made again, as long as each brings something.
 *
 * @throws CodedError ERR_EXPORT_INCOMPLETE where it broke too often, ERR_EXPORT_REGISTRY_PROTOCOL for an answer to
 *   another request, ERR_EXPORT_NOT_FOUND where the server has forgotten the plan, those of server and network
 */
export async function downloadKit(
  server: KitServer,
  plan: DeltaPlan,
  partial: PartialKit,
  options: DownloadOptions,
): Promise<void> {
  let breaks = 0;
  while (partial.size < plan.tarBytes) {
    const before = partial.size;
    try {
      await fetchRest(server, plan, partial, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isCoded(error, 'ERR_EXPORT_NETWORK')) throw error;
      breaks = partial.size - before >= MIN_PROGRESS_BYTES ? 0 : breaks + 1;
      if (breaks >= MAX_IDLE_BREAKS) throw interrupted(server, partial, plan, error);
      await pause(FIRST_PAUSE_MS * 2 ** breaks, options.signal);
    }
  }
}

/** One request for all that is left: closed, since some proxies and registries refuse open ranges. */
async function fetchRest(
  server: KitServer,
  { href, kit, tarBytes }: DeltaPlan,
  partial: PartialKit,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  const start = partial.size;
  const headers = { range: `bytes=${start}-${tarBytes - 1}`, 'if-range': etagOf(kit) };
  const answer = await server.send({ method: 'GET', path: href, headers, signal }, [200, 206]);
  const fault = faultOf(answer, start, tarBytes, etagOf(kit));
  if (fault !== undefined) {
    await answer.drop();
    throw new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${server.name}: ${fault}`, {
      hint: 'check any proxy in front of the server, then run the command again',
    });
  }
  // Whoever knows no ranges sends all of it.
  if (answer.status === 200 && start > 0) await partial.restart();
  for await (const chunk of answer.body) {
    if (partial.size + chunk.byteLength > tarBytes) {
      throw new CodedError('ERR_EXPORT_SIZE_MISMATCH', `${server.name}: more than the ${tarBytes} bytes of the kit`, {
        hint: 'check any proxy in front of the server, then run the command again',
      });
    }
    await partial.append(chunk);
    onBytes?.(chunk.byteLength);
  }
  if (partial.size < tarBytes) {
    throw new CodedError('ERR_EXPORT_NETWORK', `${server.name}: the connection ended at byte ${partial.size}`, {
      hint: 'run the same command again: it resumes',
    });
  }
}

/** Why an answer is not the one to the request; undefined if it is. Nothing is written before that is known. */
function faultOf({ status, header }: KitAnswer, start: number, tarBytes: number, etag: string): string | undefined {
  const tag = header('etag');
  if (tag !== etag) return `answered with another kit: ETag ${JSON.stringify((tag ?? '').slice(0, 100))}`;
  const range = header('content-range');
  if (status === 206 && range !== `bytes ${start}-${tarBytes - 1}/${tarBytes}`) {
    return `answered with another range: ${JSON.stringify((range ?? '').slice(0, 100))}`;
  }
  return undefined;
}

function interrupted(server: KitServer, { size }: PartialKit, { tarBytes }: DeltaPlan, cause: CodedError): CodedError {
  return new CodedError(
    'ERR_EXPORT_INCOMPLETE',
    `${server.name}: the connection broke at byte ${size} of ${tarBytes}`,
    {
      hint: 'run the same command again: it resumes there',
      cause,
    },
  );
}
