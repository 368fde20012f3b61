import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describePeers, type RunResult, runPeer } from '../peers/peers.ts';
import { type Report, runHere } from './cli.ts';
import { clientNames, pull } from './clients.ts';
import { content, cosigns } from './cosign/cosigns.ts';
import { copySigned } from './cosign/signed-copy.ts';
import { cut, flip, misname, misnameConfig, withDamage } from './damage.ts';
import { artifacts, openFixture, type PipelineFixture, registryNames } from './fixture.ts';
import { objectsOf } from './objects.ts';

const kinds = ['signature', 'provenance'] as const;
const both = (['tag', 'sigstoreBundle'] as const).flatMap((form) => kinds.map((kind) => ({ form, kind })));

describePeers([...cosigns, ...clientNames, 'trivy', 'docker-registry'], 'damage in a registry', () => {
  let fixture: PipelineFixture;
  const reports = new Map<string, Report>();
  beforeAll(async () => {
    fixture = await openFixture();
    for (const artifact of artifacts) reports.set(artifact.profile, await fixture.publish(artifact));
  }, 120_000);
  afterAll(() => fixture.close());

  function verify(reference: string): Promise<RunResult> {
    return runHere(['verify', reference, '--key', fixture.publicKey]);
  }

  /** That `export-center verify` refuses with exit status 3, and its words. */
  async function refusal(reference: string): Promise<string> {
    const { code, stdout, stderr } = await verify(reference);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    return stderr;
  }

  const places = artifacts.flatMap((artifact) => registryNames.map((name) => ({ name, ...artifact })));
  describe.each(places)('$profile in $name', ({ profile, repository, tag, name }) => {
    const reference = (): string => fixture.registry(name).reference(repository, tag);
    const report = (): Report => reports.get(profile) as Report;
    const fileOf = (digest: string): string => fixture.registry(name).blobFile(digest, repository);

    /** Those of the clients that take the artifact without a word. */
    async function takers(): Promise<readonly string[]> {
      const taken: string[] = [];
      for (const client of clientNames) {
        const { code } = await pull(client, reference(), join(await fixture.folder(), 'pulled'));
        if (code === 0) taken.push(client);
      }
      if ((await runPeer('crane', ['validate', '--insecure', '--remote', reference()])).code === 0)
        taken.push('validate');
      if (profile === 'trivy:db' && (await download()).code === 0) taken.push('trivy');
      return taken;
    }

    async function download(): Promise<RunResult> {
      const quiet = ['--no-progress', '--skip-version-check', '--disable-telemetry'];
      const cache = ['--cache-dir', await fixture.folder()];
      return runPeer('trivy', ['image', '--download-db-only', ...quiet, ...cache, '--db-repository', reference()]);
    }

    test('undamaged, all take it', async () => {
      const trivy = profile === 'trivy:db' ? ['trivy'] : [];
      expect(await takers()).toEqual([...clientNames, 'validate', ...trivy]);
      expect(await verify(reference())).toMatchObject({ code: 0, stderr: '' });
    });

    test.each([
      ['another bit', flip],
      ['a missing end', cut],
    ])('a layer with %s: whoever reads layers refuses; cosign reads none', async (_, change) => {
      const [layer] = report().layers;
      const { title, digest } = layer as Report['layers'][number];
      await withDamage(fileOf(digest), change, async () => {
        expect(await takers()).toEqual([]);
        const words = await refusal(reference());
        expect(words).toMatch(/^error ERR_EXPORT_(DIGEST|SIZE)_MISMATCH: /);
        expect(words).toContain(title);
        expect(words).toContain(digest);
        for (const kind of kinds) expect(await content(cosigns, kind, reference(), fixture)).toEqual(cosigns);
      });
    });

    test('the manifest, under the digest that it had: all refuse', async () => {
      const asBefore = (bytes: Uint8Array): Uint8Array => replace(bytes, '"org.opencontainers.image.created":"2', '3');
      await withDamage(fileOf(report().digest), asBefore, async () => {
        expect(await content(cosigns, 'signature', reference(), fixture)).toEqual([]);
        const words = await refusal(reference());
        expect(words).toMatch(/^error ERR_EXPORT_DIGEST_MISMATCH: /);
        expect(words).toContain(report().digest);
      });
    });

    test('another manifest under the tag, unsigned: all refuse', async () => {
      const forged = fixture.registry(name).reference(`forged/unsigned-${profile.replace(':', '-')}`, tag);
      await copySigned(reference(), forged, { objects: [], manifest: forge });
      for (const kind of kinds) expect(await content(cosigns, kind, forged, fixture)).toEqual([]);
      expect(await refusal(forged)).toMatch(/^error ERR_EXPORT_SIGNATURE_MISSING: /);
    });

    test('another manifest under the tag, with what was signed of the true one: all refuse', async () => {
      const forged = fixture.registry(name).reference(`forged/signed-${profile.replace(':', '-')}`, tag);
      const { names } = await copySigned(reference(), forged, { objects: both, manifest: forge });
      for (const kind of kinds) expect(await content(cosigns, kind, forged, fixture)).toEqual([]);
      const words = await refusal(forged);
      expect(words).toMatch(/^error ERR_EXPORT_SIGNATURE_INVALID: /);
      expect(names.some((each) => words.includes(each))).toBe(true);
    });
  });

  const everywhere = artifacts.flatMap((artifact) =>
    [...registryNames, 'layout' as const].map((name) => ({ name, ...artifact })),
  );
  test.each(everywhere)('$profile in $name: nothing of it may be damaged', async ({ name, repository, tag }) => {
    const place = fixture.place(name);
    const reference = place.reference(repository, tag);
    const objects = await objectsOf(reference);
    expect(objects.filter(({ isManifest }) => isManifest).length).toBeGreaterThanOrEqual(5);
    for (const { digest, isManifest } of objects) {
      // In a layout nothing but its text says what a referrer refers to: with another subject it is another's.
      const change = isManifest ? (name === 'layout' ? misnameConfig : misname) : flip;
      const result = await withDamage(place.blobFile(digest, repository), change, () => verify(reference));
      expect(result).toEqual({ code: 3, stdout: '', stderr: expect.stringContaining(digest) });
    }
  });
});

function forge(text: string): string {
  return Buffer.from(replace(Buffer.from(text), '"org.opencontainers.image.created":"2', '3')).toString();
}

/** Bytes in which the last character of a text is another. */
function replace(bytes: Uint8Array, text: string, last: string): Uint8Array {
  const before = Buffer.from(bytes).toString();
  const after = before.replace(text, text.slice(0, -1) + last);
  if (after === before) throw new Error(`nothing to change: ${text}`);
  return Buffer.from(after);
}
