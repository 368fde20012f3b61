import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { exportCenter, exportReport, type Report, runHere, sample, succeed } from '../cli.ts';
import type { Profile } from '../fixture.ts';
import { openPlace, type Place } from '../places.ts';
import { provenancesIn } from './envelopes.ts';
import { findSigned, listSigned, type Wanted } from './signed-copy.ts';

const forms = ['tag', 'sigstoreBundle'] as const;
const kinds = ['signature', 'provenance'] as const;
const objects: readonly Wanted[] = forms.flatMap((form) => kinds.map((kind) => ({ form, kind })));

/** What must hold of a second export to a place: the same for every kind of place. */
export function reuseSuite(name: Place['name'], profile: Profile): void {
  describe(`${profile} in ${name}`, () => {
    let dir: string;
    let place: Place;
    let count = 0;
    beforeAll(async () => {
      dir = await makeTempDir();
      place = await openPlace(name, dir);
      for (const owner of ['us', 'them']) await succeed(['keys', 'generate', '--out', join(dir, owner)]);
    });
    afterAll(async () => {
      await place.close();
    });

    const keyArgs = (owner: string): string[] => ['--key', join(dir, owner, 'cosign.key')];

    /** Exports the sample to a place of its own, or again to one that has it. */
    function exportTo(reference: string, signing = keyArgs('us'), runner = runHere): Promise<Report> {
      return exportReport(['--profile', profile, '--source', sample, '--to', reference, ...signing], runner);
    }

    const fresh = (): string => place.reference(`reuse/run-${++count}`, '1');

    const verifies = async (reference: string, owner = 'us'): Promise<void> => {
      const args = ['verify', reference, '--key', join(dir, owner, 'cosign.pub')];
      expect(await runHere(args)).toMatchObject({ code: 0, stderr: '' });
    };

    async function within<T>(reference: string, use: (repository: Repository) => Promise<T>): Promise<T> {
      const repository = await openRepository(parseReference(reference));
      try {
        return await use(repository);
      } finally {
        await repository.close();
      }
    }

    /** The digests of the signed objects, in the order of `objects`; one each. */
    const signedIn = (reference: string, { digest }: Report) =>
      within(reference, async (repository) => {
        const found: string[] = [];
        for (const wanted of objects) {
          const listed = await listSigned(repository, digest, wanted);
          expect(listed).toHaveLength(1);
          found.push(listed[0]?.digest ?? '');
        }
        return found;
      });

    test('a second run sends nothing, signs nothing, and finds one provenance', async () => {
      const reference = fresh();
      const first = await exportTo(reference);
      const signed = await signedIn(reference, first);
      const second = await exportTo(reference, keyArgs('us'), exportCenter);
      expect(first.bytesSent).toBeGreaterThan(0);
      expect(first.layers.map(({ state }) => state)).toEqual(first.layers.map(() => 'uploaded'));
      expect(second).toMatchObject({ digest: first.digest, bytesSent: 0, referrers: first.referrers });
      expect(second.layers).toEqual(first.layers.map((layer) => ({ ...layer, state: 'present' })));
      expect(await signedIn(reference, second)).toEqual(signed);
      await within(reference, async (repository) => {
        const [tag, bundle] = [
          await provenancesIn(repository, first.digest, 'tag'),
          await provenancesIn(repository, first.digest, 'sigstoreBundle'),
        ];
        expect(tag).toHaveLength(1);
        expect(bundle).toEqual(tag);
      });
    });

    test.each(objects)('the $kind in $form form was deleted: it alone is made, of the same envelope', async (lost) => {
      const reference = fresh();
      const first = await exportTo(reference);
      const before = await signedIn(reference, first);
      const provenance = await within(reference, (repository) => provenancesIn(repository, first.digest, 'tag'));
      await within(reference, async (repository) => {
        await repository.delete(await findSigned(repository, first.digest, lost));
        expect(await listSigned(repository, first.digest, lost)).toEqual([]);
      });
      const second = await exportTo(reference);
      expect(second.bytesSent).toBeGreaterThan(0);
      expect(second.layers.every(({ state }) => state === 'present')).toBe(true);
      const after = await signedIn(reference, second);
      const changed = objects.filter((_, i) => after[i] !== before[i]);
      // An envelope is made into the same bytes again; a signature is never the same twice.
      expect(changed).toEqual(lost.kind === 'signature' ? [lost] : []);
      for (const form of forms) {
        const found = await within(reference, (repository) => provenancesIn(repository, first.digest, form));
        expect(found).toEqual(provenance);
      }
      await verifies(reference);
      expect(await exportTo(reference)).toMatchObject({ bytesSent: 0 });
    });

    test('another key adds its own, once, and both verify', async () => {
      const reference = fresh();
      const { digest } = await exportTo(reference);
      const second = await exportTo(reference, keyArgs('them'));
      expect(second.digest).toBe(digest);
      expect(second.bytesSent).toBeGreaterThan(0);
      for (const owner of ['us', 'them']) {
        await verifies(reference, owner);
        expect(await exportTo(reference, keyArgs(owner))).toMatchObject({ digest, bytesSent: 0 });
      }
      for (const form of forms) {
        expect(await within(reference, (repository) => provenancesIn(repository, digest, form))).toHaveLength(2);
      }
    });

    test('unsigned, nothing is signed and verify refuses; signed later, no layer is sent again', async () => {
      const reference = fresh();
      const first = await exportTo(reference, ['--unsigned']);
      const types = first.referrers.map(({ artifactType }) => artifactType);
      expect(types).toEqual(profile === 'json:raw' ? [] : ['application/vnd.stellaops.export.manifest.v1+json']);
      const refused = await runHere(['verify', reference, '--key', join(dir, 'us', 'cosign.pub')]);
      expect(refused).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/^error ERR_EXPORT_SIGNATURE_MISSING: /),
      });
      const second = await exportTo(reference);
      expect(second).toMatchObject({ digest: first.digest });
      expect(second.layers.every(({ state }) => state === 'present')).toBe(true);
      await verifies(reference);
    });
  });
}
