import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { CodedError, isCoded } from '#core';
import { type MirrorOffer, ServedMirror } from '#mirror';
import { openStore, type RegistryStore, type StoreOptions } from '#oci/store';
import { type Access, DEFAULT_TENANT } from './access/guard.ts';
import { Logins } from './access/logins.ts';
import { createApp } from './app.ts';
import type { ConnectionLimits } from './connections.ts';
import { bracketed, checkExposure, isOnlyLocal } from './exposure.ts';
import { close, listen, serverFor } from './http-server.ts';
import type { LimitOptions } from './limits.ts';
import { singleTenantMirrors } from './mirrors.ts';
import { singleTenant } from './principal.ts';
import { readTlsCertificate, type TlsFiles, watchTlsCertificate } from './tls-certificate.ts';

/** What is served, where, and to whom. */
export interface ServerOptions {
  /** The data directory; the registry is in its subdirectory `registry/`. */
  readonly dataDir: string;
  readonly tenant?: string;
  /** Mirrors to offer, of different streams. */
  readonly mirrors?: readonly MirrorOffer[];
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Refuses writes; default: false. */
  readonly readOnly?: boolean;
  /** Allows deletes; default: true. */
  readonly deletes?: boolean;
  /** Users and their bcrypt hashes. Each user may read and write the whole tenant; a change takes effect at once. */
  readonly htpasswdFile?: string;
  /** Lets clients without credentials read. */
  readonly anonymousRead?: boolean;
  /** Serves https instead of http. */
  readonly tls?: TlsFiles;
  /** All requests come through a reverse proxy that terminates TLS and adds the client's address to X-Forwarded-For. */
  readonly behindProxy?: boolean;
  /** A connection without traffic for this long is closed; default: one minute. */
  readonly idleMs?: number;
  /** How many connections are accepted: by default 4096, and 512 from one address unless behind a proxy. */
  readonly connections?: Partial<ConnectionLimits>;
  /** How much memory clients may use. */
  readonly limits?: LimitOptions;
  /** Called with every internal error. */
  readonly report?: (error: unknown) => void;
  /** Called with notices for the operator: files reloaded, clients throttled. */
  readonly notice?: (text: string) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly host: string;
  readonly port: number;
  readonly readOnly: boolean;
  /** The served store, for code in this process that writes to it without the network. */
  readonly store: RegistryStore;
  /** `HOST:PORT` as used in a reference. */
  readonly address: string;
  /** `http://HOST:PORT`, or https. */
  readonly url: string;
  /** Warnings for the operator, to be shown at the start. */
  readonly warnings: readonly string[];
  /** Accepts no more connections, waits up to `graceMs` for running requests, then aborts them. */
  close(graceMs?: number): Promise<void>;
}

const IDLE_MS = 60_000;
const CLOSE_GRACE_MS = 5_000;
/** One client opens some dozens; the rest is for many clients behind one address. */
const CONNECTIONS: ConnectionLimits = { perClient: 512, total: 4096 };

/**
 * Starts the registry over `DATADIR/registry/TENANT`.
 *
 * @throws CodedError ERR_EXPORT_USAGE if other machines could write without authentication, or the htpasswd file is
 *   invalid; ERR_EXPORT_NOT_WRITABLE unless read-only; ERR_EXPORT_KEY_INVALID for an invalid certificate;
 *   ERR_EXPORT_LISTEN if the port is in use or not allowed;
 *   the codes of openStore
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    dataDir,
    tenant = DEFAULT_TENANT,
    host = '127.0.0.1',
    readOnly = false,
    tls,
    notice = () => undefined,
  } = options;
  const warnings = checkExposure({ ...options, host });
  const certificate = tls === undefined ? undefined : await readTlsCertificate(tls);
  const access = await accessOf(options, host);
  const { store, faults } = await openServed(dataDir, { tenant, readOnly });
  warnings.push(...faults);
  const mirrors = mirrorsOf(options);
  const app = createApp({
    ...options,
    storeFor: singleTenant(store),
    mirrorsFor: singleTenantMirrors(tenant, mirrors),
    access: { ...access, tenant },
  });
  const server = serverFor(app, certificate, {
    idleMs: options.idleMs ?? IDLE_MS,
    limits: {
      ...CONNECTIONS,
      ...(options.behindProxy === true ? { perClient: undefined } : {}),
      ...options.connections,
    },
  });
  const port = await listen(server, host, options.port);
  const unwatch =
    tls !== undefined && server instanceof TlsServer ? await watchTlsCertificate(server, tls, notice) : () => undefined;
  const address = `${bracketed(host)}:${port}`;
  return {
    host,
    port,
    readOnly,
    store,
    address,
    url: `${tls === undefined ? 'http' : 'https'}://${address}`,
    warnings,
    close: async (graceMs = CLOSE_GRACE_MS) => {
      unwatch();
      await close(server, graceMs);
      await access.logins?.close();
      for (const mirror of mirrors) await mirror.close();
    },
  };
}

/**
 * Opens the store that is served, and tests that it is writable unless it is read-only. Only this function chooses a
 * storage.
 *
 * @returns the store, with warnings for the operator about the disk
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE if no push could succeed
 */
async function openServed(dataDir: string, options: StoreOptions): Promise<{ store: RegistryStore; faults: string[] }> {
  try {
    const store = await openStore(join(dataDir, 'registry'), options);
    const full = options.readOnly === true ? undefined : await fullDisk(store);
    return { store, faults: full === undefined ? [] : [full] };
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_NOT_WRITABLE')) throw error;
    throw new CodedError(error.code, error.message, {
      hint: 'make the directory writable for this user, or serve it with --read-only',
      details: error.details,
      cause: error,
    });
  }
}

async function fullDisk(store: RegistryStore): Promise<string | undefined> {
  try {
    await store.checkWritable();
    return undefined;
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_DISK_FULL')) throw error;
    return `${error.message}: pushes are refused until space is free; export-center gc --data DIR may free some`;
  }
}

/** @throws CodedError ERR_EXPORT_USAGE for two mirrors of one stream */
function mirrorsOf({ mirrors = [] }: ServerOptions): ServedMirror[] {
  const names = new Set<string>();
  return mirrors.map((offer) => {
    const { stream } = offer.spec;
    if (names.has(stream)) {
      const hint = 'use --mirror once for each stream';
      throw new CodedError('ERR_EXPORT_USAGE', `two mirrors with the stream ${stream}`, { hint });
    }
    names.add(stream);
    return new ServedMirror(offer);
  });
}

async function accessOf(options: ServerOptions, host: string): Promise<Access> {
  const { htpasswdFile, anonymousRead = false, behindProxy = false, notice } = options;
  if (htpasswdFile !== undefined) {
    const logins = await Logins.open(htpasswdFile, notice === undefined ? {} : { notice });
    return { logins, anonymousRead, behindProxy };
  }
  return isOnlyLocal(host) && !behindProxy ? { onlyHost: bracketed(host) } : { behindProxy };
}
