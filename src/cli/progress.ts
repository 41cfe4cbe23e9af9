/** How far long work has come, on a terminal: one line that is written again and again. */
import type { Settings } from './settings.ts'
import type { Terminal } from './terminal.ts'

const everyMs = 100
/** Brokers that are there have answered by then. */
const quietMs = 1_000

export interface Progress {
  /** Tells of it, not more often than anybody can read. */
  at(text: () => string): void
  /** Takes the line away. */
  end(): void
}

export function progressOn({ isLive, err }: Terminal): Progress {
  let shownAt = Number.NEGATIVE_INFINITY
  return {
    at(text) {
      const now = performance.now()
      if (!isLive || now - shownAt < everyMs) return
      shownAt = now
      err(`\r\u001b[K${text()}`)
    },
    end() {
      if (isLive && Number.isFinite(shownAt)) err('\r\u001b[K')
    },
  }
}

/** Says what is waited for where brokers do not answer at once: it can take a while to give up. */
export async function untilAnswered<T>(
  terminal: Terminal,
  { kafka }: Settings,
  work: Promise<T>
): Promise<T> {
  const progress = progressOn(terminal)
  const where = kafka?.brokers.join(', ') ?? ''
  const timer = setTimeout(() => progress.at(() => `Waiting for ${where} …`), quietMs)
  try {
    return await work
  } finally {
    clearTimeout(timer)
    progress.end()
  }
}

const width = 24

/** `[######············] 37 %` */
export function bar(done: number, total: number): string {
  const part = total <= 0 ? 1 : Math.min(1, done / total)
  const full = Math.floor(part * width)
  return `[${'#'.repeat(full)}${'·'.repeat(width - full)}] ${Math.floor(part * 100)} %`
}
