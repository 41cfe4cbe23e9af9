/** `npm run bench -- alone|compare|growth|against …`: what takes more than one process. */
import { usage as caseUsage } from '../options.ts'
import { against, usage as againstUsage } from './against.ts'
import { alone } from './alone.ts'
import { compare, usage as compareUsage } from './compare.ts'
import { growth, usage as growthUsage } from './growth.ts'

interface Tool {
  readonly run: (args: readonly string[]) => Promise<boolean>
  readonly usage: string
}

const tools: Readonly<Record<string, Tool>> = {
  alone: { run: alone, usage: caseUsage.replace('bench --', 'bench -- alone') },
  compare: { run: compare, usage: compareUsage },
  growth: { run: growth, usage: growthUsage },
  against: { run: against, usage: againstUsage },
}

// Children, and a broker of ours, are killed when this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const [name = '', ...args] = process.argv.slice(2)
try {
  const tool = tools[name]
  if (tool === undefined) throw new Error(`no tool ${name}; there are ${Object.keys(tools).join()}`)
  if (args.includes('--help')) console.log(tool.usage)
  else process.exitCode = (await tool.run(args)) ? 0 : 1
  process.exit()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
