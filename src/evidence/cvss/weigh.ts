/** What each value of each metric weighs. */
export type Weights = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * The weight of one value.
 *
 * @throws RangeError for a metric or a value that the table lacks: the parser lets none pass
 */
export function weigh(weights: Weights, metric: string, value: string): number {
  const weight = weights[metric]?.[value];
  if (weight === undefined) throw new RangeError(`no weight for ${metric}:${value}`);
  return weight;
}
