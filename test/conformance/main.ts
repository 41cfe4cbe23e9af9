/** `npm run conformance -- [--json] [--crashes] PATH…`: runs case files, and says what differs. */
import { parseArgs } from 'node:util'
import { judgeDeaths } from './deaths.ts'
import { readCases } from './files.ts'
import { judge } from './judge.ts'
import { linesOf, type Outcome, reportOf } from './report.ts'

const usage = `usage: npm run conformance -- [--json] [--crashes] PATH…   (files, directories)

  --crashes  compare lives instead: commits after every third record, and a death after each
             record and at each step of each commit, must commit what a life without does
  --json     one document instead of lines
  --help     this text

Exit status: 0 if every case passed that is judged, 1 if not, 2 if it was called in a wrong way.`

interface Options {
  readonly json: boolean
  readonly crashes: boolean
  readonly help: boolean
  readonly paths: readonly string[]
}

/** The exit status: 0 only if every case passed that is judged. */
export async function main(args: readonly string[]): Promise<number> {
  let options: Options
  try {
    const parsed = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        crashes: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    })
    options = { ...parsed.values, paths: parsed.positionals }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    return 2
  }
  if (options.help) {
    console.log(usage)
    return 0
  }
  if (options.paths.length === 0) {
    console.error(usage)
    return 2
  }
  const { cases, faults, notJudged } = readCases(options.paths)
  const outcomes: Outcome[] = faults.map(({ file, reason }) => ({
    name: file,
    family: 'unreadable files',
    verdict: 'failed',
    difference: reason,
    choices: [],
  }))
  for (const one of cases) {
    const { name, family } = one
    if (options.crashes) outcomes.push(await judgeDeaths(one))
    else if (notJudged.has(name))
      outcomes.push({ name, family, verdict: 'not judged', choices: [] })
    else outcomes.push(await judge(one))
  }
  const report = reportOf(outcomes)
  if (options.json) console.log(JSON.stringify(report, undefined, 2))
  else for (const line of linesOf(report)) console.log(line)
  return report.failed === 0 && report.passed > 0 ? 0 : 1
}
