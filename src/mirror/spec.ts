// Public entry of spec/: what a mirror contains, as people write it.

import { dirname, resolve } from 'node:path';
import { CodedError, type Digest, digestOf, isCoded } from '#core';
import { isRegistryReference, parseReference, type RegistryReference } from '#oci/image';
import type { Repository as RepositoryEntry } from './spec/mirror-spec.generated.ts';
import { checkMirrorSpec, type MirrorSpec as SpecDocument } from './spec/mirror-spec.generated.ts';
import { compileName, type NameRule } from './spec/names.ts';
import { compileSelection, type TagSelection } from './spec/selection.ts';
import { readYaml, specInvalid, type YamlDocument } from './spec/yaml.ts';

export { isNamePattern } from './spec/names.ts';

/** What a mirror contains. */
export interface MirrorSpec {
  /** Of the file, so that a provenance can name it. */
  readonly digest: Digest;
  readonly stream: string;
  /** Host and port, and what comes before the names of repositories, with a slash at its end. */
  readonly source: { readonly registry: string; readonly prefix: string };
  /** Where snapshots are kept, without tag. */
  readonly snapshots: RegistryReference;
  /** The directory of the TUF repository. */
  readonly tuf: string;
  /** The directory with the keys and receipts of zones; undefined where the spec names none. */
  readonly zones: string | undefined;
  /** Files that every kit carries for the zone. */
  readonly trust: readonly string[];
  readonly rules: readonly RepositoryRule[];
}

/** What is mirrored of one repository, or of all that a glob means. */
export interface RepositoryRule {
  /** Its name or glob, as the spec has it. */
  readonly name: string;
  readonly nameInZone: NameRule;
  readonly tags: TagSelection;
  readonly profile: string | undefined;
  /** Globs of tags. */
  readonly immutable: readonly string[];
  /** Globs of artifact types; undefined for all. */
  readonly referrers: readonly string[] | undefined;
  readonly cosignTags: boolean;
  /** Files of the public keys of which one must have signed each tag; undefined where none need. */
  readonly keys: readonly string[] | undefined;
}

/**
 * The spec in a YAML file.
 *
 * @param path of the file, to which the paths in it are relative
 * @throws CodedError ERR_EXPORT_MIRROR_SPEC, with line and column
 */
export function parseMirrorSpec(bytes: Uint8Array, path: string): MirrorSpec {
  const yaml = readYaml(bytes, path);
  const document = checkSchema(yaml, path);
  const base = dirname(path);
  const context = { yaml, path };
  return {
    digest: digestOf(bytes),
    stream: document.stream,
    source: parseSource(document.source, context),
    snapshots: parseSnapshots(document.snapshots, context),
    tuf: resolve(base, document.tuf),
    zones: document.zones === undefined ? undefined : resolve(base, document.zones),
    trust: (document.trust ?? []).map((file) => resolve(base, file)),
    rules: document.repositories.map((entry, i) => ruleOf(entry, `/repositories/${i}`, base, context)),
  };
}

interface SpecContext {
  readonly yaml: YamlDocument;
  readonly path: string;
}

function fault({ yaml, path }: SpecContext, pointer: string, what: string, cause?: unknown): CodedError {
  return specInvalid(path, `${yaml.place(pointer)}: ${pointer} ${what}`, cause);
}

interface SchemaFault {
  readonly pointer: string;
  readonly problem: string;
}

function checkSchema(yaml: YamlDocument, path: string): SpecDocument {
  try {
    return checkMirrorSpec(yaml.value, path);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_SCHEMA')) throw error;
    const faults = error.details['faults'] as readonly SchemaFault[];
    // Where one of several forms would do, the fault furthest inside is that of the form that was meant.
    const [first] = faults.toSorted((a, b) => depthOf(b) - depthOf(a));
    const { pointer, problem } = first as SchemaFault;
    throw specInvalid(path, `${yaml.place(pointer)}: ${pointer || 'the document'} ${problem}`, error);
  }
}

function depthOf({ pointer }: SchemaFault): number {
  return pointer.split('/').length;
}

function parseSource(text: string, context: SpecContext): MirrorSpec['source'] {
  try {
    // A reference needs a repository.
    const reference = parseReference(text.includes('/') ? text : `${text}/x`);
    if (!isRegistryReference(reference) || hasName(reference)) throw new TypeError('expected HOST[:PORT][/PREFIX]');
    return { registry: reference.registry, prefix: text.includes('/') ? `${reference.repository}/` : '' };
  } catch (error) {
    throw fault(context, '/source', `is not a registry: ${(error as Error).message}`, error);
  }
}

function parseSnapshots(text: string, context: SpecContext): RegistryReference {
  try {
    const reference = parseReference(text);
    if (!isRegistryReference(reference) || hasName(reference)) throw new TypeError('expected HOST[:PORT]/REPO');
    return reference;
  } catch (error) {
    throw fault(context, '/snapshots', `is not a repository of a registry: ${(error as Error).message}`, error);
  }
}

function hasName({ tag, digest }: RegistryReference): boolean {
  return tag !== undefined || digest !== undefined;
}

function ruleOf(entry: RepositoryEntry, pointer: string, base: string, context: SpecContext): RepositoryRule {
  const { name, target, profile, immutable = [], referrers, cosignTags = true, signatures } = entry;
  const nameInZone = compileName(name, target);
  if (nameInZone === undefined) {
    const what = `does not fit to the name ${JSON.stringify(name)}: with a * in it, both need exactly one`;
    throw fault(context, `${pointer}/target`, what);
  }
  let tags: TagSelection;
  try {
    tags = compileSelection(entry.tags);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw fault(context, `${pointer}/tags`, error.message, error);
  }
  const keys = signatures === 'none' ? undefined : signatures.keys.map((key) => resolve(base, key));
  return { name, nameInZone, tags, profile, immutable, referrers, cosignTags, keys };
}
