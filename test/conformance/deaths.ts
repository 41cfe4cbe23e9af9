/** Judges a case by its lives: each death, and what is committed in the end is what it would be. */
import { inspect as inspected, isDeepStrictEqual } from 'node:util'
import type { Case } from './case.ts'
import { canCrash, type Death, deathsOf, inOrder, lasting, live } from './crash.ts'
import type { Outcome } from './report.ts'

/** Which deaths of a case are tried: all of them, if nothing else is said. */
export type Choose = (deaths: readonly Death[]) => readonly Death[]

/** A case that cannot be run again is not judged. */
export async function judgeDeaths(one: Case, choose: Choose = (all) => all): Promise<Outcome> {
  const { name, family } = one
  if (!canCrash(one)) return { name, family, verdict: 'not judged', choices: [] }
  let dying = 'without a death'
  try {
    const ordered = inOrder(one)
    const wanted = lasting(ordered, await live(ordered))
    for (const death of choose(deathsOf(ordered))) {
      dying = `a death ${death.during ?? 'after the record'} of step ${death.record}`
      const got = lasting(ordered, await live(ordered, death))
      if (isDeepStrictEqual(got, wanted)) continue
      const difference = `${dying}: ${inspect(got)} was committed, not ${inspect(wanted)}`
      return { name, family, verdict: 'failed', difference, choices: [] }
    }
    return { name, family, verdict: 'passed', choices: [] }
  } catch (error) {
    const difference = `${dying}: ${error instanceof Error ? error.message : String(error)}`
    return { name, family, verdict: 'failed', difference, choices: [] }
  }
}

function inspect(found: unknown): string {
  return inspected(found, { depth: 8, breakLength: Number.POSITIVE_INFINITY })
}
