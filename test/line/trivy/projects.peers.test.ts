import { beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { affected, buildOf } from '../../artifacts/trivy/fixture.ts';
import { type DatabaseFiles, scanWithDatabase, trivies } from '../../artifacts/trivy/stock-trivy.ts';
import { describePeers } from '../../peers/peers.ts';
import { type Language, languages } from './languages.ts';
import { projects } from './projects.ts';

/** What was affected until 2.0.0, in the version before that and in that version. */
const installedOf = ({ name }: Language): ReadonlyMap<string, string> =>
  new Map([
    [name('affected'), '1.9.9'],
    [name('fixed'), '2.0.0'],
  ]);

const records: readonly JsonObject[] = Object.entries(languages).flatMap(([osv, language]) =>
  [...installedOf(language).keys()].map((name) => ({
    id: `${osv}-${name}`,
    affected: [affected(osv, name, [{ introduced: '0' }, { fixed: '2.0.0' }])],
  })),
);

describePeers([...trivies], 'projects and installed files of each ecosystem', () => {
  let database: DatabaseFiles;

  beforeAll(async () => {
    const { members } = await buildOf(records);
    database = Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
  });

  const cases = trivies.flatMap((trivy) =>
    projects.flatMap((project) => (project.trivies?.includes(trivy) === false ? [] : [{ trivy, ...project }])),
  );

  test.each(cases)(
    '$trivy reports what is affected, and nothing else, by $file of $osv',
    async ({ trivy, osv, command, files }) => {
      const language = languages[osv] as Language;
      const found = await scanWithDatabase(database, files(installedOf(language)), command, trivy);
      expect(found.map(({ id, fixed }) => `${id} ${fixed}`)).toEqual([`${osv}-${language.name('affected')} 2.0.0`]);
    },
  );
});
