import type { Build, BuildOptions, ContentCheck, TrivyDbBase } from '#artifacts';
import type { JsonObject } from '#core';
import type { RecordSet, Selector } from '#evidence';
import type { ExportManifest } from '../export-manifest.generated.ts';
import type { BundleForm } from '../forms.ts';

/** A member of a profile's options as it is given on the command line. */
export interface ProfileFlag {
  /** The name of the member. */
  readonly member: string;
  /** As help shows it, such as `--valid-for <duration>`. */
  readonly flags: string;
  /** One line for help. */
  readonly description: string;
  /**
   * The value of the member.
   *
   * @param previous the value so far, where the flag repeats
   * @throws CodedError ERR_EXPORT_USAGE
   */
  parse(text: string, previous: unknown): unknown;
}

/** What a profile can be told beyond what every profile is. */
export interface ProfileOptions<Options> {
  readonly flags: readonly ProfileFlag[];
  /** What stands for members that are not given. */
  readonly defaults: JsonObject;
  /**
   * The options in the one spelling that export.json has.
   *
   * @param given with defaults filled in
   * @param name what they are called in an error
   * @throws CodedError ERR_EXPORT_SCHEMA where they do not conform to the profile's schema
   */
  read(given: JsonObject, name: string): Options;
}

/** What a build is made of. */
interface BuildInputs<Options> {
  readonly records: RecordSet;
  readonly selector: Selector;
  readonly options: Options;
  /** A database that others have built, for a profile that takes one. */
  readonly base?: TrivyDbBase | undefined;
  readonly build: BuildOptions;
}

/** Where and how the contents of a bundle are checked. */
interface CheckPlace {
  /** An existing folder for temporary files. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
}

/** What a consumer wants: which records become which artifact. Immutable per revision. */
export interface ProfileDefinition<Options> {
  /** `KIND:VARIANT`, such as `json:raw`. */
  readonly name: string;
  /** Raised when the meaning of the profile changes. */
  readonly revision: string;
  /** One sentence for help texts. */
  readonly summary: string;
  /** What its artifacts say they are (image-spec v1.1.1 manifest.md, `artifactType`). */
  readonly artifactType: string;
  /** The builder, and its version: raised when, and only when, the same records give other bytes. */
  readonly adapter: { readonly name: string; readonly version: number };
  /** The formats of records that the builder reads, and counts others as left out; all where it is absent. */
  readonly formats?: readonly string[];
  /** Whether records can be merged into a database that others have built. */
  readonly takesBase?: boolean;
  /** How often a build reads each record. */
  readonly passes: number;
  readonly options: ProfileOptions<Options>;
  /** How the manifests follow from export.json. */
  readonly form: BundleForm;
  /** Turns records into layers. */
  build(inputs: BuildInputs<Options>): Build;
  /** Holds layers against what their export.json says. */
  check(manifest: ExportManifest, options: Options, place: CheckPlace): ContentCheck;
}

/** A profile whose options are known by their JSON alone: what they mean stays inside of it. */
export type Profile = ProfileDefinition<JsonObject>;

/** What a consumer wants that is not built of records: the profile runs by itself. */
export interface RunProfile<Request, Result> {
  /** `KIND:VARIANT`, such as `mirror:full`. */
  readonly name: string;
  /** Raised when the meaning of the profile changes. */
  readonly revision: string;
  /** One sentence for help texts. */
  readonly summary: string;
  /** The command that does the same. */
  readonly command: string;
  run(request: Request): Promise<Result>;
}

/** Hides the type of a profile's options behind the schema that they are read by. */
export function defineProfile<Options>(definition: ProfileDefinition<Options>): Profile {
  const { options, name } = definition;
  const read = (given: JsonObject) => options.read(given, `options of ${name}`);
  return {
    ...definition,
    options: { ...options, read: (given, place) => options.read(given, place) as JsonObject },
    build: (inputs) => definition.build({ ...inputs, options: read(inputs.options) }),
    check: (manifest, given, place) => definition.check(manifest, read(given), place),
  };
}

/** The profile as export.json has it. */
export function describeProfile({ name, revision }: Profile): ExportManifest['profile'] {
  const [kind = '', variant = ''] = name.split(':');
  return { kind, variant, name, revision };
}
