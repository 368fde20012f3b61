import { type BaseScope, buildTrivyDb, checkTrivyDb, trivyDbAdapter, trivyDbFormats } from '#artifacts';
import { CodedError, compareText, type JsonObject, mediaTypes, parseDuration } from '#core';
import type { Selector } from '#evidence';
import { contentsOnlyForm } from '../forms.ts';
import { defineProfile, type Profile, type ProfileFlag } from './profile.ts';
import { checkTrivyDbOptions, type DataSource, type TrivyDbOptions } from './trivy-db-options.generated.ts';

/** A database for stock Trivy. */
export const trivyDb: Profile = defineProfile<TrivyDbOptions>({
  name: 'trivy:db',
  revision: 'r1',
  summary: 'a vulnerability database for trivy --db-repository',
  artifactType: mediaTypes.trivyConfig,
  adapter: trivyDbAdapter,
  formats: trivyDbFormats,
  takesBase: true,
  passes: 1,
  options: {
    flags: [validForFlag(), dataSourceFlag(), precedenceFlag()],
    defaults: { validForSeconds: 86_400 },
    read: readOptions,
  },
  form: contentsOnlyForm,
  build: ({ records, selector, options, base, build }) => {
    const { base: _, ...others } = options;
    return buildTrivyDb(records, {
      ...build,
      ...others,
      base: base && { ...base, scope: scopeOf(selector) },
      packages: selector,
    });
  },
  check: ({ asOf }, { validForSeconds }, place) => checkTrivyDb({ asOf, validForSeconds, ...place }),
});

/** Of a selector, what is known of the content of a database. */
function scopeOf({ ecosystems, packages, minimumSeverity, modifiedSince, modifiedUntil }: Selector): BaseScope {
  return { ecosystems, packages, minimumSeverity, modifiedSince, modifiedUntil };
}

/** Data sources are in byte order of prefix; these and precedence are absent if there are none. */
function readOptions(given: JsonObject, name: string): TrivyDbOptions {
  const { dataSources = [], sourcePrecedence = [], ...others } = checkTrivyDbOptions(given, name);
  const sorted = dataSources.toSorted((a, b) => compareText(a.prefix, b.prefix));
  return {
    ...others,
    ...(sorted.length > 0 ? { dataSources: sorted } : {}),
    ...(sourcePrecedence.length > 0 ? { sourcePrecedence } : {}),
  };
}

/** A hundred years. */
const LONGEST_VALID_SECONDS = 3_155_760_000;

function validForFlag(): ProfileFlag {
  return {
    member: 'validForSeconds',
    flags: '--valid-for <duration>',
    description: 'how long Trivy uses the database before it looks for a newer one (default: 24h)',
    parse: (text) => {
      const seconds = parseDuration(text);
      if (seconds <= LONGEST_VALID_SECONDS) return seconds;
      throw new CodedError('ERR_EXPORT_USAGE', `longer than 100 years: ${text}`, { hint: 'specify a shorter time' });
    },
  };
}

const DATA_SOURCE = /^([^=\s]+)=([^,]+),(.+),(https?:\/\/[^,\s]+)$/;

function dataSourceFlag(): ProfileFlag {
  return {
    member: 'dataSources',
    flags: '--data-source <prefix=id,name,url>',
    description: 'data source that Trivy shows for ids with this prefix (repeatable)',
    parse: (text, previous) => {
      const match = DATA_SOURCE.exec(text);
      if (match === null) {
        throw new CodedError('ERR_EXPORT_USAGE', 'not a valid data source', {
          hint: 'write it as GO-=govulndb,The Go Vulnerability Database,https://pkg.go.dev/vuln/',
        });
      }
      const [prefix, id, name, url] = match.slice(1) as [string, string, string, string];
      const others = ((previous ?? []) as readonly DataSource[]).filter((source) => source.prefix !== prefix);
      return [...others, { prefix, id, name, url }];
    },
  };
}

function precedenceFlag(): ProfileFlag {
  return {
    member: 'sourcePrecedence',
    flags: '--source-precedence <id,...>',
    description: 'ids of data sources: of several with an advisory on one package and id, only the first counts',
    parse: (text) => {
      const ids = text.split(',').map((id) => id.trim());
      if (ids.every((id) => /^[a-z][a-z0-9._-]{0,63}$/.test(id))) return ids;
      throw new CodedError('ERR_EXPORT_USAGE', 'not a list of data source ids', {
        hint: 'write it as acme,ghsa, the one that takes precedence first',
      });
    },
  };
}
