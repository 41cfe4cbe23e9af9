/** `npm run bench -- alone|compare|growth|against …`: what takes more than one process. */
import { against } from './against.ts'
import { alone } from './alone.ts'
import { compare } from './compare.ts'
import { growth } from './growth.ts'

const tools: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  alone,
  compare,
  growth,
  against,
}

// Children, and a broker of ours, are killed when this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const [tool = '', ...args] = process.argv.slice(2)
try {
  const isFine = await tools[tool]?.(args)
  process.exit(isFine === true ? 0 : 1)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
