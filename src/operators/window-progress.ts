/** How far windows with a key have come: a record of their store, beside the rows. */
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { Reserved } from './aggregate-entries.ts'
import type { WindowTime } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY

export class WindowProgress implements Reserved {
  /** The greatest watermark by which windows were closed. */
  closedTo: Timestamp = never
  /** The newest start that a row was made for. */
  newest: Timestamp = never
  /** Windows that start up to here are gone from the store; not persisted. */
  removedTo: Timestamp = never
  /** Written behind it. */
  time: WindowTime | undefined
  #changed = false

  static read(reader: ByteReader): WindowProgress {
    const progress = new WindowProgress()
    progress.closedTo = reader.float64()
    progress.newest = reader.float64()
    return progress
  }

  opened(start: Timestamp): void {
    if (start <= this.newest) return
    this.newest = start
    this.#changed = true
  }

  close(watermark: Timestamp): void {
    if (watermark <= this.closedTo) return
    this.closedTo = watermark
    this.#changed = true
  }

  remove(start: Timestamp): void {
    if (start > this.removedTo) this.removedTo = start
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    writer.float64(this.closedTo).float64(this.newest)
    this.time?.write(writer)
  }
}
