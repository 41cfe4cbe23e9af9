/**
 * The order in which the files of a run begin, so that no worker is left alone with a long one, and
 * not all of them start clusters at the same time.
 *
 *     long · · · · long · · · · long · · · · long · · · · · · · · · · │ files that share a process
 *
 * Within each kind the longest first. Long is what runs the application as processes, or a cluster
 * of its own; the files between them compute while those wait.
 */
import { readFileSync } from 'node:fs'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What makes a file long, as its text shows it. */
const signs: readonly (readonly [pattern: RegExp, weight: number])[] = [
  [/\brunChaos\(/, 100],
  [/\bstartBroker\(/, 40],
  [/\bnodes: 3\b|\bnodes = 3\b/, 40],
  [/\bstartSecureBroker\(/, 30],
  [/\bchromium\b|\bpromtool\b|\blives\b/i, 20],
  [/\bsharedBroker\(|\bspawn\(|\bspawnSync\(|\bexecFileSync\(/, 10],
]
const long = 40

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const weights = new Map(files.map((file) => [file, weightOf(file)]))
    const weight = (file: TestSpecification): number => weights.get(file) ?? 0
    const sorted = [...files].sort(
      (a, b) => weight(b) - weight(a) || (a.moduleId < b.moduleId ? -1 : 1)
    )
    const apart = sorted.filter(({ project }) => project.config.isolate)
    const isLong = (file: TestSpecification): boolean => weight(file) >= long
    return [
      ...spread(
        apart.filter(isLong),
        apart.filter((file) => !isLong(file))
      ),
      ...sorted.filter(({ project }) => !project.config.isolate),
    ]
  }
}

/** The `few`, from the beginning on, at equal distances over three quarters of the `many`. */
function spread<T>(few: readonly T[], many: readonly T[]): T[] {
  const distance = Math.floor((many.length * 0.75) / Math.max(1, few.length))
  const all = [...many]
  for (const [index, one] of few.entries()) all.splice(index * (distance + 1), 0, one)
  return all
}

function weightOf({ moduleId, project }: TestSpecification): number {
  const text = readFileSync(moduleId, 'utf8')
  const own = project.name === 'system' ? long : 0
  const size = Math.min(text.length / 1_000, long / 4)
  return signs.reduce((sum, [sign, more]) => sum + (sign.test(text) ? more : 0), own + size)
}
