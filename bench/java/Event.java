import com.fasterxml.jackson.annotation.JsonIgnore;

/** An event of the bench's input, as `bench/events.ts` writes it. */
public final class Event {
  public long timestamp;
  public String sessionId;
  public String eventType;
  public String total_price;

  @JsonIgnore
  public boolean isOrder() {
    return eventType.equals("checkout_click");
  }

  long cents() {
    return Math.round(Double.parseDouble(total_price) * 100);
  }
}
