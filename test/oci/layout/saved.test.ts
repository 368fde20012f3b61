import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packManifest, parseReference, type Repository } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { openRepository } from '#oci/transfer';
import { cli, cliJson } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { inPieces, listAll, noise, pushArtifact, pushBytes } from '../content.ts';

const PAYLOAD = 'application/vnd.dev.cosign.simplesigning.v1+json';
const ENVELOPE = 'application/vnd.dsse.envelope.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

let dir: string;
let layout: Layout;
let image: Descriptor;
let other: Descriptor;

beforeEach(async () => {
  dir = await makeTempDir();
  layout = await openLayout(join(dir, 'l'), { create: true });
  [image, other] = [await pushArtifact(layout, 'image'), await pushArtifact(layout, 'other')];
  await layout.flush?.();
});

afterEach(async () => {
  await layout.close();
});

/** What cosign keeps under a tag: a manifest whose layers are about a subject. */
async function signed(about: Descriptor, mediaType: string): Promise<Descriptor> {
  const statement = { subject: [{ name: '', digest: { sha256: about.digest.slice(7) } }] };
  const text =
    mediaType === PAYLOAD
      ? JSON.stringify({ critical: { image: { 'docker-manifest-digest': about.digest } } })
      : JSON.stringify({ payload: Buffer.from(JSON.stringify(statement)).toString('base64') });
  const config = await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
  const packed = packManifest({ config, layers: [await pushBytes(layout, Buffer.from(text), mediaType)] });
  await layout.push(packed.descriptor, inPieces(packed.bytes, 1000));
  await layout.flush?.();
  return packed.descriptor;
}

type Entry = readonly [descriptor: Descriptor, annotations: Record<string, string>];

/** Writes the index as another tool has it. */
async function list(...entries: readonly Entry[]): Promise<void> {
  const manifests = entries.map(([descriptor, annotations]) => ({ ...descriptor, annotations }));
  await writeFile(join(dir, 'l/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

const kind = (text: string) => ({ kind: text });
const named = (name: string, text: string) => ({ 'org.opencontainers.image.ref.name': name, kind: text });
const tagOf = ({ digest }: Descriptor, suffix: string) => `${digest.replace(':', '-')}.${suffix}`;

async function copied(reference: string, ...options: string[]): Promise<Map<string, string>> {
  const target = `oci:${await mkdtemp(join(dir, 'out-'))}`;
  expect(await cli('copy', ...options, reference, options.length > 0 ? target : `${target}:1`)).toMatchObject({
    status: 0,
  });
  const { tags } = (await cliJson('ls', '--long', target)) as { tags: { tag: string; digest: string }[] };
  return new Map(tags.map(({ tag, digest }) => [tag, digest]));
}

test('cosign save: signatures and attestations get the tags that cosign looks for', async () => {
  const [sigs, atts] = [await signed(image, PAYLOAD), await signed(image, ENVELOPE)];
  await list(
    [image, kind('dev.cosignproject.cosign/image')],
    [sigs, kind('dev.cosignproject.cosign/sigs')],
    [atts, kind('dev.cosignproject.cosign/atts')],
  );
  const belongings = [
    [tagOf(image, 'att'), atts.digest],
    [tagOf(image, 'sig'), sigs.digest],
  ];
  const place = `oci:${dir}/l`;
  expect(await listAll(layout.tags())).toEqual(belongings.map(([tag]) => tag));
  expect([...(await copied(`${place}@${image.digest}`))]).toEqual([['1', image.digest], ...belongings]);
  expect([...(await copied(place, '--all-tags'))]).toEqual(belongings);
});

test('a store of hauler: several images with one name each for all that belongs to it', async () => {
  const saved = {
    one: { sigs: await signed(image, PAYLOAD), atts: await signed(image, ENVELOPE) },
    two: { sigs: await signed(other, PAYLOAD), sboms: await pushArtifact(layout, 'sbom') },
  };
  await layout.flush?.();
  const [one, two] = ['h.io/team/one:1', 'h.io/team/two:1'];
  await list(
    [saved.two.sboms, named(two, 'dev.cosignproject.cosign/sboms')],
    [saved.one.sigs, named(one, 'dev.cosignproject.cosign/sigs')],
    [image, named(one, 'dev.cosignproject.cosign/image')],
    [other, named(two, 'dev.cosignproject.cosign/imageIndex')],
    [saved.two.sigs, named(two, 'dev.hauler/sigs')],
    [saved.one.atts, named(one, 'dev.cosignproject.cosign/atts')],
  );
  expect([...(await copied(`oci:${dir}/l:h.io/team/one:1`))]).toEqual([
    ['1', image.digest],
    [tagOf(image, 'att'), saved.one.atts.digest],
    [tagOf(image, 'sig'), saved.one.sigs.digest],
  ]);
  expect([...(await copied(`oci:${dir}/l:h.io/team/two:1`))]).toEqual([
    ['1', other.digest],
    [tagOf(other, 'sbom'), saved.two.sboms.digest],
    [tagOf(other, 'sig'), saved.two.sigs.digest],
  ]);
});

test('what belongs to nothing that can be told is reported', async () => {
  const sboms = await pushArtifact(layout, 'sbom');
  await layout.flush?.();
  await list(
    [image, named('h.io/a:1', 'dev.cosignproject.cosign/image')],
    [other, named('h.io/b:1', 'dev.cosignproject.cosign/image')],
    [sboms, named('h.io/c:1', 'dev.cosignproject.cosign/sboms')],
  );
  const { status, out } = await cli('copy', '--output=json', `oci:${dir}/l:h.io/a:1`, `oci:${dir}/out:1`);
  expect({ status, unattached: out.includes(sboms.digest) }).toEqual({ status: 1, unattached: true });
});

test('cosign 3 save: sigstore bundles that the index does not list are found by their subjects', async () => {
  const bundle = await pushArtifact(layout, 'bundle', { artifactType: BUNDLE, subject: image });
  const onBundle = await pushArtifact(layout, 'bundle of the bundle', { artifactType: BUNDLE, subject: bundle });
  // What only looks like one: text with a subject, and too large for a manifest.
  await pushBytes(layout, Buffer.from(JSON.stringify({ subject: image })));
  await pushBytes(layout, Buffer.concat([Buffer.from('{'), noise(5_000_000)]));
  await layout.flush?.();
  await list([image, kind('dev.cosignproject.cosign/image')]);
  const archive = join(dir, 'l.tar');
  await promisify(execFile)('tar', ['-C', join(dir, 'l'), '-cf', archive, '.']);
  const digestsOf = async (repository: Repository, { digest }: Descriptor) =>
    (await listAll(repository.referrers(digest))).map((each) => each.digest);
  const opened = [await openLayout(join(dir, 'l')), await openRepository(parseReference(`oci-archive:${archive}`))];
  for (const repository of opened) {
    expect(await digestsOf(repository, image)).toEqual([bundle.digest]);
    expect(await digestsOf(repository, bundle)).toEqual([onBundle.digest]);
    await repository.close();
  }
  for (const place of [`oci:${dir}/l`, `oci-archive:${archive}`]) {
    const { out, status } = await cli('copy', '--output=json', `${place}@${image.digest}`, `oci:${dir}/out:1`);
    expect({ status, referrers: readJson(out).referrers }).toEqual({
      status: 0,
      referrers: [
        { artifactType: BUNDLE, digest: bundle.digest },
        { artifactType: BUNDLE, digest: onBundle.digest },
      ],
    });
  }
});

test('in another layout, what the index does not list has been deleted', async () => {
  await pushArtifact(layout, 'bundle', { artifactType: BUNDLE, subject: image });
  await layout.flush?.();
  await list([image, { 'org.opencontainers.image.ref.name': '1' }]);
  const again = await openLayout(join(dir, 'l'));
  expect(await listAll(again.referrers(image.digest))).toEqual([]);
  await again.close();
});
