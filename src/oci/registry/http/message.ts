import type { ByteStream, ReceivingFile } from '#oci/image';

/** One request as it goes out. */
export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | ByteStream | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The body of the answer is large, and is read with reused buffers (FetchOptions.reuseBuffer). */
  readonly bulk?: boolean | undefined;
  /** With `bulk`: where the body goes, as in FetchOptions. */
  readonly into?: ReceivingFile | undefined;
  /** How long reading the body of the answer may take; without it only its rate counts. */
  readonly deadlineMs?: number | undefined;
}

/** An answer; its body must be read to the end or dropped, for the connection to be of use again. */
export interface WireResponse {
  readonly status: number;
  /** The URL that answered. */
  readonly url: URL;
  /** The value of a header; undefined where there is none. */
  header(name: string): string | undefined;
  /** All values of a header that may come several times. */
  headers(name: string): string[];
  readonly body: ByteStream;
  /** Does without the body. */
  drop(): Promise<void>;
}
