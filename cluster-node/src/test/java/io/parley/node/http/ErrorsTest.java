package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.FailureCode;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply.Refused;
import java.io.NotSerializableException;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorsTest {
  @ParameterizedTest
  @CsvSource({
    "NOT_FOUND, 404, not_found, false",
    "TURN_RUNNING, 409, turn_running, false",
    "TURN_NOT_LAST, 409, turn_not_last, false",
    "KEY_REUSED, 422, idempotency_key_reused, false",
    "SESSION_FULL, 409, session_full, false",
    "OVERLOADED, 429, overloaded, true",
    "JOURNAL_UNAVAILABLE, 503, journal_unavailable, true",
    "UNREADABLE, 500, session_unreadable, false",
  })
  void mapsRefusals(RefusalReason reason, int status, String code, boolean retry) {
    ApiException error =
        Errors.of(new Refused(reason, "detail", Optional.of(3), Optional.empty()), 2000);
    assertThat(error.status()).isEqualTo(status);
    assertThat(error.code()).isEqualTo(code);
    assertThat(error.retryAfterMillis().isPresent()).isEqualTo(retry);
  }

  @ParameterizedTest
  @CsvSource({
    "CONTEXT_LENGTH_EXCEEDED, 400, context_length_exceeded",
    "MODEL_NOT_FOUND, 404, model_not_found",
    "INVALID_MESSAGES, 400, invalid_messages",
    "PROMPT_FAILED, 500, prompt_failed",
    "ENGINE_FAILED, 500, engine_failed",
    "WORKER_LOST, 503, worker_lost",
    "WORKER_LEFT, 503, worker_lost",
    "POISON_WORK, 500, poison_work",
    "QUEUE_TIMEOUT, 429, queue_timeout",
    "FIRST_TOKEN_TIMEOUT, 503, first_token_timeout",
    "TURN_TIMEOUT, 503, turn_timeout",
    "ATTEMPTS_EXHAUSTED, 503, attempts_exhausted",
  })
  void mapsFailures(FailureCode failure, int status, String code) {
    ApiException error = Errors.of(new Failure(failure, "why"), 2000);
    assertThat(error.status()).isEqualTo(status);
    assertThat(error.code()).isEqualTo(code);
  }

  @Test
  void tellsAJournalThatIsAwayFromOneThatCannotBeRead() {
    ApiException away =
        Errors.ofJournal(new CompletionException(new IllegalStateException("no host")), 2000);
    assertThat(away.status()).isEqualTo(503);
    assertThat(away.retryAfterMillis()).hasValue(2000L);
    ApiException unreadable =
        Errors.ofJournal(new CompletionException(new NotSerializableException("v9")), 2000);
    assertThat(unreadable.status()).isEqualTo(500);
    assertThat(unreadable.code()).isEqualTo("session_unreadable");
  }

  @Test
  void showsNothingOfWhatItDoesNotKnow() {
    ApiException error =
        Errors.from(new CompletionException(new IllegalStateException("the secret")));
    assertThat(error.status()).isEqualTo(500);
    assertThat(Errors.json(error).toString()).doesNotContain("secret");
  }
}
