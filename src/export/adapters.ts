import { type Build, type BuildOptions, buildJsonRaw, buildTrivyDb, jsonRawAdapter, trivyDbAdapter } from '#artifacts';
import { compilePackageFilter, type RecordSet } from '#evidence';
import type { Profile } from './profile.ts';
import type { ExportRequest } from './request.ts';

/** What a build is made of. */
interface BuildInputs {
  readonly records: RecordSet;
  readonly request: ExportRequest;
  readonly options: BuildOptions;
}

/** What builds the contents for a profile. */
export interface Adapter {
  readonly name: string;
  /** Raised when, and only when, the same records give other bytes; the package's version never enters a bundle. */
  readonly version: number;
  /** How often a build reads each record. */
  readonly passes: number;
  build(inputs: BuildInputs): Build;
}

const jsonRaw: Adapter = {
  ...jsonRawAdapter,
  passes: 2,
  build: ({ records, options }) => buildJsonRaw(records, options),
};

const trivyDb: Adapter = {
  ...trivyDbAdapter,
  passes: 1,
  build: ({ records, request, options }) => {
    const { validForSeconds, dataSources, selector } = request;
    const wantsPackage = compilePackageFilter(selector);
    return buildTrivyDb(records, { ...options, validForSeconds, dataSources, wantsPackage });
  },
};

/** The adapter that a profile is built by. */
export function adapterFor(profile: Profile): Adapter {
  return profile.kind === 'trivy' ? trivyDb : jsonRaw;
}
