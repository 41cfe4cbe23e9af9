/** What became of the cases, by family: as lines for people, as one document for programs. */
import type { Choice } from './compare.ts'

export interface Outcome {
  readonly name: string
  readonly family: string
  readonly verdict: 'passed' | 'failed' | 'not judged'
  /** Of one that failed: the first thing that is not as expected. */
  readonly difference?: string
  readonly choices: readonly Choice[]
}

export interface FamilyReport {
  readonly family: string
  readonly passed: number
  readonly total: number
  /** How often a result that depends on a choice was that of which one. */
  readonly choices: Readonly<Record<string, number>>
}

export interface Report {
  readonly passed: number
  readonly failed: number
  readonly families: readonly FamilyReport[]
  readonly failures: readonly { readonly name: string; readonly difference: string }[]
  readonly notJudged: readonly string[]
}

export function reportOf(outcomes: readonly Outcome[]): Report {
  const judged = outcomes.filter(({ verdict }) => verdict !== 'not judged')
  const families = [...new Set(judged.map(({ family }) => family))].sort()
  return {
    passed: judged.filter(({ verdict }) => verdict === 'passed').length,
    failed: judged.filter(({ verdict }) => verdict === 'failed').length,
    families: families.map((family) =>
      familyReport(
        family,
        judged.filter((one) => one.family === family)
      )
    ),
    failures: judged
      .filter(({ verdict }) => verdict === 'failed')
      .map(({ name, difference = '' }) => ({ name, difference })),
    notJudged: outcomes.filter(({ verdict }) => verdict === 'not judged').map(({ name }) => name),
  }
}

export function linesOf(report: Report): readonly string[] {
  const { passed, failed, families, failures, notJudged } = report
  return [
    ...failures.map(({ name, difference }) => `${name}: ${difference}`),
    ...families.map((one) => `${one.family} ${one.passed}/${one.total}${choicesOf(one)}`),
    ...(notJudged.length === 0 ? [] : [`not judged: ${notJudged.join(', ')}`]),
    `${passed} passed, ${failed} failed, ${notJudged.length} not judged`,
  ]
}

function familyReport(family: string, outcomes: readonly Outcome[]): FamilyReport {
  const choices: Record<string, number> = {}
  for (const { choices: made } of outcomes) {
    const choice = made.join(' = ')
    if (choice !== '') choices[choice] = (choices[choice] ?? 0) + 1
  }
  const passed = outcomes.filter(({ verdict }) => verdict === 'passed').length
  return { family, passed, total: outcomes.length, choices }
}

function choicesOf({ choices }: FamilyReport): string {
  const told = Object.entries(choices).map(([choice, count]) => `${choice}: ${count}`)
  return told.length === 0 ? '' : ` (${told.join(', ')})`
}
