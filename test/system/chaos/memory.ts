/** Whether processes that live through the whole run keep growing. */

export interface MemorySample {
  /** From the beginning of the run, ms. */
  readonly at: number
  readonly mb: number
}

export interface MemoryVerdict {
  readonly name: string
  readonly peakMb: number
  /**
   * Lower quartiles of the second and the last third: the first is for warming up, and a heap that
   * was just collected says more than one that grew since.
   */
  readonly middleMb: number
  readonly lastMb: number
  readonly mbPerMinute: number
  readonly isFlat: boolean
}

/** A heap breathes by some megabytes, whoever leaks goes on. */
const breathMb = 24

export function judgeMemory(name: string, samples: readonly MemorySample[]): MemoryVerdict {
  const third = Math.floor(samples.length / 3)
  const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)]
  const [middleMb, lastMb] = [quartile(middle), quartile(last)]
  return {
    name,
    peakMb: Math.max(0, ...samples.map(({ mb }) => mb)),
    middleMb,
    lastMb,
    mbPerMinute: slope(samples.slice(third)) * 60_000,
    isFlat: lastMb - middleMb <= Math.max(breathMb, middleMb * 0.1),
  }
}

function quartile(samples: readonly MemorySample[]): number {
  const values = samples.map(({ mb }) => mb).toSorted((one, two) => one - two)
  return values[Math.floor(values.length / 4)] ?? 0
}

/** Least squares, MB per ms. */
function slope(samples: readonly MemorySample[]): number {
  const mean = (pick: (sample: MemorySample) => number): number =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / Math.max(1, samples.length)
  const [at, mb] = [mean((sample) => sample.at), mean((sample) => sample.mb)]
  const above = samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.mb - mb), 0)
  const below = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0)
  return below === 0 ? 0 : above / below
}
