/** One case of this side, on a broker of our own: `npm run bench -- alone --case latency`. */
import { openBroker } from './broker.ts'
import { millrace } from './process.ts'

export async function alone(args: readonly string[]): Promise<boolean> {
  const broker = await openBroker('')
  try {
    const flags = [...args, '--brokers', broker.addresses]
    return (await millrace(flags, { echoes: true })).ok
  } finally {
    await broker.close()
  }
}
