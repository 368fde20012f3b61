import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJson } from '../../core/read-json.ts';
import { describePeers } from '../../peers/peers.ts';
import { exportCenter, type Report, runHere } from '../cli.ts';
import { artifacts, openFixture, type PipelineFixture, registryNames } from '../fixture.ts';
import { content, cosign, cosigns, readersOf } from './cosigns.ts';
import { alterPayload, copySigned, type Form, flipSignature, type Kind, type Wanted } from './signed-copy.ts';

const forms = ['tag', 'sigstoreBundle'] as const;
const kinds = ['signature', 'provenance'] as const;
const tampers = [
  ['another signature', flipSignature],
  ['another text', alterPayload],
] as const;

const cases = forms.flatMap((form) =>
  kinds.flatMap((kind) => tampers.map(([damage, tamper]) => ({ form, kind, damage, tamper }))),
);

describePeers([...cosigns, 'docker-registry'], 'three cosigns, by key and offline', () => {
  let fixture: PipelineFixture;
  const reports = new Map<string, Report>();
  let copies = 0;
  beforeAll(async () => {
    fixture = await openFixture();
    for (const artifact of artifacts) reports.set(artifact.profile, await fixture.publish(artifact));
  }, 120_000);
  afterAll(() => fixture.close());

  const places = artifacts.flatMap((artifact) => registryNames.map((name) => ({ name, ...artifact })));
  describe.each(places)('$profile in $name', ({ profile, repository, tag, name }) => {
    const original = (): string => fixture.registry(name).reference(repository, tag);
    const otherSigner = () => ({ ...fixture, publicKey: fixture.otherPublicKey });
    // What is damaged is the same everywhere: each artifact and each registry once.
    const damages = (profile === 'json:raw') === (name === 'docker-registry') ? cases : [];

    /** A copy with these signed objects and no others. */
    async function copyWith(objects: readonly Wanted[]) {
      const reference = fixture.registry(name).reference(`copies/${profile.replace(':', '-')}-${++copies}`, tag);
      return { reference, ...(await copySigned(original(), reference, { objects })) };
    }

    /** That `export-center verify` refuses with exit status 3, and its words. */
    async function refusal(reference: string, key = fixture.publicKey): Promise<string> {
      const { code, stdout, stderr } = await runHere(['verify', reference, '--key', key]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      return stderr;
    }

    test.each(kinds)('all accept the %s', async (kind) => {
      expect(await content(cosigns, kind, original(), fixture)).toEqual(cosigns);
    });

    test.each(cosigns)('%s finds one provenance, about this artifact', async (peer) => {
      const { stdout } = await cosign(peer, 'provenance', original(), fixture);
      const lines = stdout.trim().split('\n');
      expect(lines).toHaveLength(1);
      const { payload } = readJson(lines[0] ?? '') as { payload: string };
      const statement = readJson(Buffer.from(payload, 'base64').toString('utf8'));
      const { digest } = reports.get(profile) as Report;
      expect(statement.subject).toContainEqual(expect.objectContaining({ digest: { sha256: digest.slice(7) } }));
      expect(statement.predicate.buildDefinition.externalParameters).toMatchObject({ profile: { name: profile } });
    });

    test('all refuse it under another key, and so does export-center verify', async () => {
      for (const kind of kinds) expect(await content(cosigns, kind, original(), otherSigner())).toEqual([]);
      expect(await refusal(original(), fixture.otherPublicKey)).toMatch(
        /^error ERR_EXPORT_SIGNATURE_MISSING: .*no signature by this key/,
      );
    });

    test.each(forms)('those that read the %s form accept a copy that has no other, and so do we', async (form) => {
      const { reference } = await copyWith(kinds.map((kind) => ({ form, kind })));
      for (const kind of kinds) expect(await content(cosigns, kind, reference, fixture)).toEqual(readersOf[form]);
      const { code, stderr } = await exportCenter(['verify', reference, '--key', fixture.publicKey]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });

    test('a provenance alone is no signature to us, though newer cosigns take it for one', async () => {
      const { reference } = await copyWith([{ form: 'sigstoreBundle', kind: 'provenance' }]);
      expect(await content(cosigns, 'signature', reference, fixture)).toEqual(readersOf.sigstoreBundle);
      expect(await refusal(reference)).toMatch(/^error ERR_EXPORT_SIGNATURE_MISSING: /);
    });

    test.each(forms)('a signature alone, in %s form, is refused for want of a provenance', async (form) => {
      const { reference } = await copyWith([{ form, kind: 'signature' }]);
      expect(await content(cosigns, 'signature', reference, fixture)).toEqual(readersOf[form]);
      expect(await refusal(reference)).toMatch(/^error ERR_EXPORT_PROVENANCE_MISSING: /);
    });

    test.each(damages)('$damage in the $kind, $form form alone: all refuse', async ({ form, kind, tamper }) => {
      const alone = await copyWith([{ form, kind, tamper }]);
      expect(await content(readersOf[form], kind, alone.reference, fixture)).toEqual([]);
      const valid = kinds.filter((other) => other !== kind).map((other) => ({ form, kind: other }));
      const damaged = await copyWith([{ form, kind, tamper }, ...valid]);
      const words = await refusal(damaged.reference);
      expect(words).toMatch(/^error ERR_EXPORT_SIGNATURE_INVALID: /);
      expect(words).toContain(damaged.names[0]);
    });

    test.each(damages)(
      '$damage in the $kind, $form form, beside the valid form: cosign is content, we are not',
      async (damage) => {
        const { form, kind, tamper } = damage;
        const objects = forms.flatMap((each) => kinds.map((other) => ({ form: each, kind: other })));
        const isHit = (each: { form: Form; kind: Kind }): boolean => each.form === form && each.kind === kind;
        const { reference, names } = await copyWith(objects.map((each) => (isHit(each) ? { ...each, tamper } : each)));
        // A sigstore bundle hides the tags from newer cosigns, and their verify takes any bundle of the key for a signature.
        const newer = kind === 'signature' || form === 'tag' ? (['cosign26', 'cosign3'] as const) : [];
        const older = form === 'sigstoreBundle' ? (['cosign25'] as const) : [];
        expect(await content(cosigns, kind, reference, fixture)).toEqual([...older, ...newer]);
        expect(await refusal(reference)).toContain(names[objects.findIndex(isHit)]);
      },
    );
  });
});
