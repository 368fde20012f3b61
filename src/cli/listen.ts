import { CodedError } from '#core';

/** An address to listen at. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/**
 * The address in `HOST:PORT`; IPv6 addresses in brackets.
 *
 * @throws CodedError ERR_EXPORT_USAGE
 */
export function parseListen(text: string): ListenAddress {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[2]);
  if (match !== null && port <= 65_535) return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
  throw new CodedError('ERR_EXPORT_USAGE', `not a valid address: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write it as 127.0.0.1:8080 or [::1]:8080',
  });
}
