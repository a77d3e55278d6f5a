package io.parley.node.bulk;

import static io.parley.node.bulk.Records.BODY;
import static io.parley.node.bulk.Records.line;
import static io.parley.node.bulk.Records.record;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.node.http.ApiException;
import io.parley.node.http.BatchTurns.Api;
import io.parley.routing.protocol.Priority;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BulkLineTest {
  private static final int MAX_BYTES = 1000;

  private static BulkLine read(Envelope record) {
    return BulkLine.read(record, MAX_BYTES);
  }

  @Test
  void aLineIsReadWithWhatItsHeadersSay() {
    BulkLine line =
        read(
            record(
                line("a-1", BODY),
                "parley-tenant",
                "acme",
                "parley-job",
                "job-7",
                "parley-priority",
                "interactive",
                "parley-deadline",
                "2026-01-31T12:00:00Z"));

    assertThat(line.customId()).isEqualTo("a-1");
    assertThat(line.api()).isEqualTo(Api.CHAT);
    assertThat(line.model()).isEqualTo("simulated");
    assertThat(line.session().tenant().value()).isEqualTo("acme");
    assertThat(line.priority()).isEqualTo(Priority.INTERACTIVE);
    assertThat(line.deadline()).contains(Instant.parse("2026-01-31T12:00:00Z"));
  }

  @Test
  void withoutHeadersItIsBulkOfTheDefaultTenantAndHasTime() {
    BulkLine line = read(record(line("a-1", BODY)));

    assertThat(line.session().tenant().value()).isEqualTo("default");
    assertThat(line.priority()).isEqualTo(Priority.BULK);
    assertThat(line.deadline()).isEmpty();
  }

  @Test
  void aJobAndItsCustomIdMeanOneSessionWhereverTheRecordStands() {
    BulkLine first = read(record(line("a-1", BODY), "parley-job", "job"));
    Envelope elsewhere = record(line("a-1", BODY), "parley-job", "job");
    Envelope moved =
        new Envelope(
            "requests",
            0,
            7,
            1,
            Optional.empty(),
            elsewhere.all(),
            elsewhere.headers(),
            elsewhere.value());

    assertThat(read(moved).session()).isEqualTo(first.session());
    assertThat(read(moved).id()).isEqualTo(first.id());
    assertThat(read(record(line("a-2", BODY), "parley-job", "job")).session())
        .isNotEqualTo(first.session());
    assertThat(read(record(line("a-1", BODY), "parley-job", "other")).session())
        .isNotEqualTo(first.session());
    assertThat(
            read(record(line("a-1", BODY), "parley-job", "job", "parley-tenant", "acme"))
                .session()
                .value())
        .isNotEqualTo(first.session().value());
  }

  @Test
  void withoutAJobThePlaceOfTheRecordMeansTheSession() {
    Envelope one = record(line("a-1", BODY));
    Envelope next =
        new Envelope(
            one.topic(),
            one.partition(),
            one.offset() + 1,
            one.timestampMillis(),
            one.key(),
            one.all(),
            one.headers(),
            one.value());

    assertThat(read(one).session()).isEqualTo(read(record(line("b", BODY))).session());
    assertThat(read(next).session()).isNotEqualTo(read(one).session());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          nonsense                                                          | invalid_json
          [1]                                                               | invalid_json
          {"method": "POST", "url": "/v1/chat/completions", "body": {}}     | missing_required_parameter
          {"custom_id": "", "method": "POST", "url": "/v1/chat/completions", "body": {}} | invalid_value
          {"custom_id": 7, "method": "POST", "url": "/v1/chat/completions", "body": {}}  | invalid_type
          {"custom_id": "a", "method": "GET", "url": "/v1/chat/completions", "body": {}} | invalid_value
          {"custom_id": "a", "url": "/v1/chat/completions", "body": {}}     | missing_required_parameter
          {"custom_id": "a", "method": "POST", "url": "/v1/audio", "body": {}} | invalid_value
          {"custom_id": "a", "method": "POST", "url": "/v1/responses"}      | missing_required_parameter
          {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": "x"} | invalid_type
          """)
  void whatIsNoLineIsRefusedWithACode(String value, String code) {
    assertThatThrownBy(() -> read(record(value)))
        .isInstanceOfSatisfying(ApiException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @ParameterizedTest
  @CsvSource({
    "parley-tenant,not a tenant",
    "parley-job,with blanks",
    "parley-priority,urgent",
    "parley-deadline,tomorrow"
  })
  void aBadHeaderIsNamed(String header, String value) {
    assertThatThrownBy(() -> read(record(line("a", BODY), header, value)))
        .isInstanceOfSatisfying(
            ApiException.class,
            e -> {
              assertThat(e.code()).isEqualTo("invalid_header");
              assertThat(e.param()).contains(header);
            });
  }

  @Test
  void aRecordLargerThanTheLimitIsNotParsed() {
    assertThatThrownBy(() -> read(record(new byte[MAX_BYTES + 1])))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.code()).isEqualTo("record_too_large"));
  }

  @Test
  void aRecordWithoutValueIsNoJson() {
    assertThatThrownBy(() -> read(record(new byte[0])))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.code()).isEqualTo("invalid_json"));
  }
}
