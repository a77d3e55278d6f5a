package io.parley.node.bulk;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.BatchTurns.Api;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A request out of a record: a line of OpenAI's batch format and what the record's headers say of
 * it. It is known by its job and {@code custom_id}, or without a job by the record's place: so a
 * record that is delivered again means the same session.
 *
 * @param body the request, not read yet
 * @param deadline when it is of no more use
 */
record BulkLine(
    SessionId session,
    String customId,
    Api api,
    ObjectNode body,
    Priority priority,
    Optional<Instant> deadline) {

  static final String TENANT = "parley-tenant";
  static final String JOB = "parley-job";
  static final String PRIORITY = "parley-priority";
  static final String DEADLINE = "parley-deadline";

  /** What the ids of results begin with. */
  static final String ID_PREFIX = "batch_req_";

  static final int CUSTOM_ID_CHARS_MAX = 512;

  private static final Pattern JOB_ID = Pattern.compile("[!-~]{1,128}");

  /**
   * Reads a record.
   *
   * @throws ApiException why it can never be answered; its code is the dead letter's
   */
  static BulkLine read(Envelope record, int maxBytes) {
    if (record.value().length > maxBytes) {
      throw ApiException.of(
          413,
          "record_too_large",
          "The record has " + record.value().length + " bytes, of at most " + maxBytes + ".");
    }
    TenantId tenant = tenant(record);
    Optional<String> job = job(record);
    Priority priority = priority(record);
    Optional<Instant> deadline = deadline(record);
    JsonInput line = JsonInput.root(Json.parseObject(record.value()));
    String customId = line.requiredString("custom_id");
    if (customId.isEmpty() || customId.length() > CUSTOM_ID_CHARS_MAX) {
      throw JsonInput.invalid(
          "custom_id", "must have 1 to " + CUSTOM_ID_CHARS_MAX + " characters.");
    }
    if (!line.requiredString("method").equals("POST")) {
      throw JsonInput.invalid("method", "must be 'POST'.");
    }
    Api api =
        Api.of(line.requiredString("url"))
            .orElseThrow(() -> JsonInput.invalid("url", "must be one of " + Api.urls() + "."));
    ObjectNode body = line.object("body").orElseThrow(() -> JsonInput.missing("body")).node();
    return new BulkLine(
        session(tenant, job, customId, record), customId, api, body, priority, deadline);
  }

  /** An idempotency key of HTTP has no line feed, so none of them means a session of bulk. */
  private static SessionId session(
      TenantId tenant, Optional<String> job, String customId, Envelope record) {
    return Ids.sessionOfKey(
        tenant,
        job.map(id -> "bulk-job\n" + id + "\n" + customId)
            .orElseGet(() -> "bulk-place\n" + record.place()));
  }

  /** The stable id of its result. */
  String id() {
    return ID_PREFIX + session.value();
  }

  /** What the model is called by in the request; empty where it says none. */
  String model() {
    return body.path("model").asText("");
  }

  private static TenantId tenant(Envelope record) {
    try {
      return record.header(TENANT).map(TenantId::new).orElse(TenantId.DEFAULT);
    } catch (IllegalArgumentException e) {
      throw badHeader(TENANT, "must have 1 to 64 of A-Z a-z 0-9 _ -.");
    }
  }

  private static Optional<String> job(Envelope record) {
    Optional<String> job = record.header(JOB);
    if (job.isPresent() && !JOB_ID.matcher(job.get()).matches()) {
      throw badHeader(JOB, "must have 1 to 128 visible ASCII characters.");
    }
    return job;
  }

  private static Priority priority(Envelope record) {
    return switch (record.header(PRIORITY).orElse("bulk")) {
      case "bulk" -> Priority.BULK;
      case "interactive" -> Priority.INTERACTIVE;
      default -> throw badHeader(PRIORITY, "must be bulk or interactive.");
    };
  }

  private static Optional<Instant> deadline(Envelope record) {
    try {
      return record.header(DEADLINE).map(Instant::parse);
    } catch (DateTimeException e) {
      throw badHeader(DEADLINE, "must be a time such as 2026-01-31T12:00:00Z.");
    }
  }

  private static ApiException badHeader(String header, String rule) {
    return ApiException.badField(header, "invalid_header", "The header '" + header + "' " + rule);
  }
}
