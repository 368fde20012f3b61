import type { Instant, JsonObject, JsonValue } from '#core';
import { encodeEnvelope, makeStatement, type Signer, signStatement, subjectOf } from '#signing';
import type { KitFacts } from './facts.ts';

/** The predicate of a plan, described in docs/formats/mirror.md. */
const planPredicate = 'https://stellaops.io/export-center/mirror-plan/v1';

/** What a plan says of the way that a kit goes. */
export interface CarriageFacts {
  /** How many media of a size the signed tar needs. */
  readonly media?: { readonly sizeBytes: number; readonly count: number } | undefined;
  /** Where the kit is written, and where it is imported. */
  readonly space?: {
    readonly source?: SpaceFacts | undefined;
    readonly zone?: SpaceFacts | undefined;
  };
  /** How long the signed tar takes at a rate. */
  readonly time?: { readonly bytesPerSecond: number; readonly seconds: number } | undefined;
}

/** Space that is free, and what is needed of it. */
export interface SpaceFacts {
  readonly freeBytes: number;
  readonly neededBytes: number;
}

/**
 * A plan as a signed statement about the kit and its snapshot: a DSSE envelope.
 *
 * @param at when it was planned
 */
export async function signPlan(
  facts: KitFacts,
  carriage: CarriageFacts,
  at: Instant,
  signer: Signer,
): Promise<Uint8Array> {
  const { kit, snapshot, ...plan } = facts;
  const predicate = { timePlanned: at, ...plan, ...carriage } as unknown as JsonObject;
  const statement = makeStatement(
    [subjectOf(kit, 'kit.json'), subjectOf(snapshot, 'snapshot')],
    planPredicate,
    withoutUndefined(predicate) as JsonObject,
  );
  return encodeEnvelope(await signStatement(statement, signer));
}

function withoutUndefined(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (value === null || typeof value !== 'object') return value as JsonValue;
  const members = Object.entries(value as JsonObject).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutUndefined(member)]));
}
