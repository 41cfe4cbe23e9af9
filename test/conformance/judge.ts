/** Runs cases and judges what comes of them. */
import type { Case } from './case.ts'
import { compare } from './compare.ts'
import type { Outcome } from './report.ts'
import { runCase } from './run-case.ts'

export async function judge(one: Case): Promise<Outcome> {
  const { name, family } = one
  try {
    const { difference, choices } = compare(one, await runCase(one))
    return difference === undefined
      ? { name, family, verdict: 'passed', choices }
      : { name, family, verdict: 'failed', difference, choices }
  } catch (error) {
    const difference = error instanceof Error ? error.message : String(error)
    return { name, family, verdict: 'failed', difference, choices: [] }
  }
}
