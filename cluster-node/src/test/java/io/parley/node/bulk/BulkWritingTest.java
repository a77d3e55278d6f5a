package io.parley.node.bulk;

import static io.parley.node.bulk.Records.BODY;
import static io.parley.node.bulk.Records.line;
import static io.parley.node.bulk.Records.record;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.bulk.BulkWriting.Written;
import io.parley.node.http.ApiException;
import io.parley.node.http.Json;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class BulkWritingTest {
  private static final int MAX_BYTES = 10_000;
  private static final BulkSettings.Topics TOPICS =
      new BulkSettings.Topics("requests", "results", "dead", true, 1, 0);
  private static final Envelope SOURCE =
      record(line("a-1", BODY), "parley-job", "job", "traceparent", "00-1-2-01");
  private static final BulkLine LINE = BulkLine.read(SOURCE, MAX_BYTES);

  private static Written of(Outcome outcome) {
    return BulkWriting.of(SOURCE, Optional.of(LINE), outcome, TOPICS, MAX_BYTES);
  }

  private static Map<String, String> headers(Written written) {
    return written.headers().stream()
        .collect(
            Collectors.toMap(
                Envelope.Header::name, h -> new String(h.value(), StandardCharsets.UTF_8)));
  }

  @Test
  void anAnswerIsALineOfTheOutputFormatUnderTheSameKey() {
    Written written = of(new Outcome.Result(200, Json.object().put("object", "chat.completion")));

    assertThat(written.topic()).isEqualTo("results");
    assertThat(written.key()).isEqualTo(SOURCE.key());
    ObjectNode json = Json.parseObject(written.value().orElseThrow());
    assertThat(json.path("id").asText()).isEqualTo(LINE.id()).startsWith("batch_req_");
    assertThat(json.path("custom_id").asText()).isEqualTo("a-1");
    assertThat(json.at("/response/status_code").asInt()).isEqualTo(200);
    assertThat(json.at("/response/body/object").asText()).isEqualTo("chat.completion");
    assertThat(json.path("error").isNull()).isTrue();
    assertThat(headers(written))
        .containsEntry("parley-id", LINE.id())
        .containsEntry("parley-job", "job")
        .containsEntry("traceparent", "00-1-2-01");
  }

  @Test
  void anExpiredRequestHasAnErrorAndNoResponse() {
    ObjectNode json = Json.parseObject(of(new Outcome.Expired()).value().orElseThrow());

    assertThat(json.path("response").isNull()).isTrue();
    assertThat(json.at("/error/code").asText()).isEqualTo("batch_expired");
  }

  @Test
  void aDeadLetterHasTheBytesAsTheyCameAndWhyAndWhence() {
    Written written = of(new Outcome.Dead(ApiException.badField("model", "bad", "No.")));

    assertThat(written.topic()).isEqualTo("dead");
    assertThat(written.value()).contains(SOURCE.value());
    assertThat(headers(written))
        .containsEntry("parley-id", LINE.id())
        .containsEntry("parley-error-code", "bad")
        .containsEntry("parley-error-message", "No.")
        .containsEntry("parley-error-param", "model")
        .containsEntry("parley-source-topic", "requests")
        .containsEntry("parley-source-partition", "3")
        .containsEntry("parley-source-offset", "42")
        .containsEntry("parley-job", "job");
  }

  @Test
  void aDeadLetterThatComesAgainSaysOnlyTheNewReason() {
    Envelope again =
        record(
            line("a-1", BODY),
            "parley-error-code",
            "old",
            "parley-source-offset",
            "1",
            "parley-id",
            "x");
    Written written =
        BulkWriting.deadLetter(again, "id", ApiException.of(400, "new", "No."), TOPICS, MAX_BYTES);

    assertThat(written.headers()).extracting(Envelope.Header::name).doesNotHaveDuplicates();
    assertThat(headers(written)).containsEntry("parley-error-code", "new");
  }

  @Test
  void whatIsTooLargeToBeWrittenIsToldWithoutItsBytes() {
    Envelope large = record(new byte[MAX_BYTES + 1]);
    Written dead =
        BulkWriting.deadLetter(large, "id", ApiException.of(413, "c", "m"), TOPICS, MAX_BYTES);
    assertThat(dead.value()).isEmpty();
    assertThat(headers(dead)).containsEntry("parley-omitted-bytes", "10001");

    Written result = of(new Outcome.Result(200, Json.object().put("text", "x".repeat(MAX_BYTES))));
    assertThat(result.topic()).isEqualTo("dead");
    assertThat(headers(result)).containsEntry("parley-error-code", "result_too_large");
    assertThat(result.value()).contains(SOURCE.value());
  }
}
