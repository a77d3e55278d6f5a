package io.parley.node.bulk;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What is written of a record's outcome: a line of OpenAI's output, or a dead letter. */
final class BulkWriting {
  static final String ID = "parley-id";
  static final String ERROR_CODE = "parley-error-code";
  static final String ERROR_MESSAGE = "parley-error-message";
  static final String ERROR_PARAM = "parley-error-param";
  static final String SOURCE_TOPIC = "parley-source-topic";
  static final String SOURCE_PARTITION = "parley-source-partition";
  static final String SOURCE_OFFSET = "parley-source-offset";
  static final String OMITTED_BYTES = "parley-omitted-bytes";

  private BulkWriting() {}

  /**
   * A record to be written.
   *
   * @param value empty: none, since it would be too large
   */
  record Written(
      String topic, Optional<byte[]> key, List<Envelope.Header> headers, Optional<byte[]> value) {}

  /** What is written of an outcome. */
  static Written of(
      Envelope source,
      Optional<BulkLine> line,
      Outcome outcome,
      BulkSettings.Topics topics,
      int maxBytes) {
    if (outcome instanceof Outcome.Dead dead) {
      return deadLetter(source, id(source, line), dead.why(), topics, maxBytes);
    }
    BulkLine asked = line.orElseThrow();
    byte[] value = Json.bytes(output(asked, outcome));
    if (value.length > maxBytes) {
      return tooLarge(source, asked, value.length, topics, maxBytes);
    }
    List<Envelope.Header> headers = kept(source);
    headers.add(header(ID, asked.id()));
    return new Written(topics.results(), source.key(), headers, Optional.of(value));
  }

  /** What is written in the place of a result that its topic does not take. */
  static Written tooLarge(
      Envelope source, BulkLine line, int bytes, BulkSettings.Topics topics, int maxBytes) {
    ApiException why =
        ApiException.of(
            500,
            "result_too_large",
            "The result has " + bytes + " bytes, more than can be written.");
    return deadLetter(source, line.id(), why, topics, maxBytes);
  }

  /** A dead letter that says how many bytes it lacks; headers that are not Parley's go, too. */
  static Written withoutValue(Written record) {
    List<Envelope.Header> headers = new ArrayList<>();
    for (Envelope.Header header : record.headers()) {
      if (header.name().startsWith("parley-")) {
        headers.add(header);
      }
    }
    headers.add(
        header(OMITTED_BYTES, Integer.toString(record.value().map(v -> v.length).orElse(0))));
    return new Written(record.topic(), record.key(), headers, Optional.empty());
  }

  static String errorCode(Written record) {
    return record.headers().stream()
        .filter(header -> header.name().equals(ERROR_CODE))
        .map(header -> new String(header.value(), StandardCharsets.UTF_8))
        .findFirst()
        .orElse("");
  }

  static String id(Envelope source, Optional<BulkLine> line) {
    return line.map(BulkLine::id).orElseGet(source::idOfPlace);
  }

  private static ObjectNode output(BulkLine line, Outcome outcome) {
    ObjectNode root = Json.object().put("id", line.id()).put("custom_id", line.customId());
    if (outcome instanceof Outcome.Result result) {
      ObjectNode response = root.putObject("response");
      response.put("status_code", result.status());
      response.put("request_id", "req_" + line.session().value());
      response.set("body", result.body());
      root.putNull("error");
    } else {
      root.putNull("response");
      root.putObject("error")
          .put("code", "batch_expired")
          .put("message", "This request could not be answered before its deadline.");
    }
    return root;
  }

  /** The record as it came, and beside it why: once mended it can be sent again as it stands. */
  static Written deadLetter(
      Envelope source, String id, ApiException why, BulkSettings.Topics topics, int maxBytes) {
    List<Envelope.Header> headers = kept(source);
    headers.add(header(ID, id));
    headers.add(header(ERROR_CODE, why.code()));
    headers.add(header(ERROR_MESSAGE, why.getMessage()));
    why.param().ifPresent(param -> headers.add(header(ERROR_PARAM, param)));
    headers.add(header(SOURCE_TOPIC, source.topic()));
    headers.add(header(SOURCE_PARTITION, Integer.toString(source.partition())));
    headers.add(header(SOURCE_OFFSET, Long.toString(source.offset())));
    boolean fits = source.value().length <= maxBytes;
    if (!fits) {
      headers.add(header(OMITTED_BYTES, Integer.toString(source.value().length)));
    }
    return new Written(
        topics.deadLetters(),
        source.key(),
        headers,
        fits ? Optional.of(source.value()) : Optional.empty());
  }

  /** All headers of the source but those that are written here: a dead letter may come again. */
  private static List<Envelope.Header> kept(Envelope source) {
    List<Envelope.Header> kept = new ArrayList<>();
    for (Envelope.Header header : source.all()) {
      boolean own =
          List.of(ID, OMITTED_BYTES).contains(header.name())
              || header.name().startsWith("parley-error-")
              || header.name().startsWith("parley-source-");
      if (!own) {
        kept.add(header);
      }
    }
    return kept;
  }

  private static Envelope.Header header(String name, String value) {
    return new Envelope.Header(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
