/** `npm run conformance -- [--json] PATH…`: runs case files, and says what differs. */
import { parseArgs } from 'node:util'
import { readCases } from './files.ts'
import { judge } from './judge.ts'
import { linesOf, type Outcome, reportOf } from './report.ts'

const usage = 'usage: npm run conformance -- [--json] PATH…   (files or directories of cases)'

/** The exit status: 0 only if every case passed that is judged. */
export async function main(args: readonly string[]): Promise<number> {
  let options: { readonly json: boolean; readonly paths: readonly string[] }
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    options = { json: parsed.values.json, paths: parsed.positionals }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    return 2
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
    if (notJudged.has(name)) outcomes.push({ name, family, verdict: 'not judged', choices: [] })
    else outcomes.push(await judge(one))
  }
  const report = reportOf(outcomes)
  if (options.json) console.log(JSON.stringify(report, undefined, 2))
  else for (const line of linesOf(report)) console.log(line)
  return report.failed === 0 && report.passed > 0 ? 0 : 1
}
