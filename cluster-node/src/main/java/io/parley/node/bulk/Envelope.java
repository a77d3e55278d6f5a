package io.parley.node.bulk;

import io.parley.node.http.Ids;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A record of the requests' topic as it was taken.
 *
 * @param topic where it stands, with {@code partition} and {@code offset}
 * @param timestampMillis of the record
 * @param key the record's, if it has one
 * @param headers the last of each name
 * @param value its bytes; empty for a record without a value
 */
record Envelope(
    String topic,
    int partition,
    long offset,
    long timestampMillis,
    Optional<byte[]> key,
    List<Header> all,
    Map<String, byte[]> headers,
    byte[] value) {

  /** A header, in the order of the record. */
  record Header(String name, byte[] value) {}

  Optional<String> header(String name) {
    return Optional.ofNullable(headers.get(name))
        .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }

  /**
   * What means this record and no other, however often it is delivered. The time stands beside the
   * place, so that a topic which was deleted and made again does not mean the old records.
   */
  String place() {
    return topic + "/" + partition + "/" + offset + "/" + timestampMillis;
  }

  /** The stable id of a record of which nothing else is known. */
  String idOfPlace() {
    return BulkLine.ID_PREFIX + Ids.digest("bulk-place\n" + place());
  }
}
