/** What `optimize` may ask for: by names of its own, all of them, or none. */

/**
 * - `single-store-self-join`: a stream that is joined with itself keeps one buffer instead of two;
 *   left and outer joins become inner ones, since every record joins itself.
 * - `merge-repartitions`: what is grouped several times behind one change of key goes through one
 *   repartition topic, that of the first.
 * - `reuse-source-topics`: tables right behind their topic have no changelog, and are restored from
 *   the topic.
 * - `combine-before-repartition`: aggregates that merge get one record per key and commit through
 *   their repartition topic, instead of one per record.
 */
export type Optimization =
  | 'single-store-self-join'
  | 'merge-repartitions'
  | 'reuse-source-topics'
  | 'combine-before-repartition'

/** `true` is `'all'`, `false` is `'none'`. */
export type Optimize = boolean | 'all' | 'none' | readonly Optimization[]

/** In the order in which they are done. */
export const optimizations: readonly Optimization[] = Object.freeze([
  'single-store-self-join',
  'merge-repartitions',
  'reuse-source-topics',
  'combine-before-repartition',
])

/** Those that are asked for, in the order in which they are done. */
export function optimizationsOf(asked: Optimize): readonly Optimization[] {
  if (asked === true || asked === 'all') return optimizations
  if (asked === false || asked === 'none') return []
  return optimizations.filter((one) => asked.includes(one))
}

/** What is wrong with what is asked for, if anything: plain JavaScript got past the types. */
export function faultOfOptimize(asked: Optimize): string | undefined {
  const known = `take 'all', 'none' or some of ${optimizations.join(', ')}`
  if (typeof asked === 'boolean' || asked === 'all' || asked === 'none') return undefined
  const unknown = [asked].flat().find((one) => !optimizations.includes(one))
  return unknown === undefined ? undefined : `There is no optimization '${unknown}': ${known}`
}
