import { addSeconds, type Instant } from '#core';
import { goJson } from './json.ts';

/** The one layer of the artifact; trivy chooses how to unpack it by this name. */
export const layerPath = 'db.tar.gz';

/** The files in the layer, in the order in which they stand there. */
export const layerFiles = { metadata: 'metadata.json', database: 'trivy.db' } as const;

/** The time of the files in the layer, in seconds since 1970. */
export function layerTime(asOf: string): number {
  return Math.floor(Date.parse(asOf) / 1000);
}

/** The version of trivy.db's content that trivy reads. */
const SCHEMA_VERSION = 2;

/** Go's zero time: trivy writes the moment here once it has fetched the database. */
const NEVER = '0001-01-01T00:00:00Z';

/** The bytes of metadata.json. Until NextUpdate trivy uses the copy that it has and fetches nothing. */
export function encodeMetadata(asOf: Instant, validForSeconds: number): Uint8Array {
  const text = goJson({
    Version: SCHEMA_VERSION,
    NextUpdate: addSeconds(asOf, validForSeconds),
    UpdatedAt: asOf,
    DownloadedAt: NEVER,
  });
  return Buffer.from(`${text}\n`, 'utf8');
}
