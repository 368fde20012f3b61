import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { CodedError, isCoded } from '#core';
import { openStore, type RegistryStore, type StoreOptions } from '#oci/store';
import { type Access, DEFAULT_TENANT } from './access/guard.ts';
import { Logins } from './access/logins.ts';
import { createApp } from './app.ts';
import type { ConnectionLimits } from './connections.ts';
import { bracketed, isOnlyLocal, judgeExposure } from './exposure.ts';
import { close, listen, serverFor } from './http-server.ts';
import { followIdentity, type IdentityFiles, readIdentity } from './identity.ts';
import type { LimitOptions } from './limits.ts';
import { singleTenant } from './principal.ts';

/** What is served, where, and to whom. */
export interface ServerOptions {
  /** The folder that holds everything; the registry is in `registry/` below it. */
  readonly dataDir: string;
  readonly tenant?: string;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 lets the system choose a free one. */
  readonly port: number;
  /** Refuses writes; false unless told. */
  readonly readOnly?: boolean;
  /** Allows deletes; true unless told. */
  readonly deletes?: boolean;
  /** Users and their bcrypt hashes. Whoever is there may read and write all of the tenant; a change holds at once. */
  readonly htpasswdFile?: string;
  /** Lets those without credentials read. */
  readonly anonymousRead?: boolean;
  /** Serves https instead of http. */
  readonly tls?: IdentityFiles;
  /** All requests come through a proxy that ends TLS and adds the client's address to X-Forwarded-For. */
  readonly behindProxy?: boolean;
  /** No byte in either direction for so long ends a connection; a minute unless told. */
  readonly idleMs?: number;
  /** How many connections are taken: 512 of one address, unless all come through a proxy, and 4096 of all. */
  readonly connections?: Partial<ConnectionLimits>;
  /** What clients may take up of the process's memory. */
  readonly limits?: LimitOptions;
  /** Told of every fault of this side. */
  readonly report?: (error: unknown) => void;
  /** Told what an operator wants to know while it runs: files read again, clients slowed down. */
  readonly notice?: (text: string) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly host: string;
  readonly port: number;
  readonly readOnly: boolean;
  /** What is served, for those in this process who write to it without the network. */
  readonly store: RegistryStore;
  /** `HOST:PORT` as a client writes it. */
  readonly address: string;
  /** `http://HOST:PORT`, or https. */
  readonly url: string;
  /** What an operator must be told before anybody comes. */
  readonly warnings: readonly string[];
  /** Takes no more connections, lets the requests at work end for up to `graceMs`, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

const IDLE_MS = 60_000;
const CLOSE_GRACE_MS = 5_000;
/** Clients open some dozens; what is left over is for many of them behind one address. */
const CONNECTIONS: ConnectionLimits = { perClient: 512, total: 4096 };

/**
 * Starts the registry over `DATADIR/registry/TENANT`.
 *
 * @throws CodedError ERR_EXPORT_USAGE where anybody who is not on this machine could write, or the htpasswd file
 *   cannot be used; ERR_EXPORT_NOT_WRITABLE unless read-only; ERR_EXPORT_KEY_INVALID for a certificate; ERR_EXPORT_LISTEN when the port is taken or not allowed;
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
  const warnings = judgeExposure({ ...options, host });
  const identity = tls === undefined ? undefined : await readIdentity(tls);
  const access = await accessOf(options, host);
  const { store, faults } = await openServed(dataDir, { tenant, readOnly });
  warnings.push(...faults);
  const app = createApp({ ...options, storeFor: singleTenant(store), access: { ...access, tenant } });
  const server = serverFor(app, identity, {
    idleMs: options.idleMs ?? IDLE_MS,
    limits: {
      ...CONNECTIONS,
      ...(options.behindProxy === true ? { perClient: undefined } : {}),
      ...options.connections,
    },
  });
  const port = await listen(server, host, options.port);
  const unfollow =
    tls !== undefined && server instanceof TlsServer ? await followIdentity(server, tls, notice) : () => undefined;
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
      unfollow();
      await close(server, graceMs);
      await access.logins?.close();
    },
  };
}

/**
 * Opens the store that is served, and tries to write to it unless it is to be read only. Nothing else chooses a storage.
 *
 * @returns with it what an operator must be told of the disk
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE where no push could succeed
 */
async function openServed(dataDir: string, options: StoreOptions): Promise<{ store: RegistryStore; faults: string[] }> {
  try {
    const store = await openStore(join(dataDir, 'registry'), options);
    const full = options.readOnly === true ? undefined : await fullDisk(store);
    return { store, faults: full === undefined ? [] : [full] };
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_NOT_WRITABLE')) throw error;
    throw new CodedError(error.code, error.message, {
      hint: 'make the folder writable for this user, or serve it with --read-only',
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

async function accessOf(options: ServerOptions, host: string): Promise<Access> {
  const { htpasswdFile, anonymousRead = false, behindProxy = false, notice } = options;
  if (htpasswdFile !== undefined) {
    const logins = await Logins.open(htpasswdFile, notice === undefined ? {} : { notice });
    return { logins, anonymousRead, behindProxy };
  }
  return isOnlyLocal(host) && !behindProxy ? { onlyHost: bracketed(host) } : { behindProxy };
}
