import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** Bytes to values and back: events as JSON into a class, pairs of numbers as two longs. */
final class Formats {
  static final ObjectMapper JSON = new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
  static final Serde<String> TEXT = Serdes.String();
  static final Serde<Event> EVENT = events();
  static final Serde<long[]> LONGS = Serdes.serdeFrom((topic, pair) -> pair == null ? null : bytesOf(pair), (topic, bytes) -> bytes == null ? null : pairOf(bytes));

  private Formats() {}

  private static Serde<Event> events() {
    var reader = JSON.readerFor(Event.class);
    var writer = JSON.writerFor(Event.class);
    return Serdes.serdeFrom(
        (topic, event) -> {
          try {
            return event == null ? null : writer.writeValueAsBytes(event);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : reader.readValue(bytes);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }

  private static byte[] bytesOf(long[] pair) {
    return ByteBuffer.allocate(16).putLong(pair[0]).putLong(pair[1]).array();
  }

  private static long[] pairOf(byte[] bytes) {
    var buffer = ByteBuffer.wrap(bytes);
    return new long[] {buffer.getLong(), buffer.getLong()};
  }
}
