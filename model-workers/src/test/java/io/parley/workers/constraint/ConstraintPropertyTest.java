package io.parley.workers.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.Sampler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the grammar of a schema lets through, beside what a validator says of it. */
class ConstraintPropertyTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonSchemaFactory VALIDATORS =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);
  private static final int SCHEMAS = 150;

  private final ByteVocabulary vocabulary = new ByteVocabulary();
  private final Constraints constraints =
      new Constraints(vocabulary, vocabulary.vocabularySize(), 4);
  private final Sampler sampler = new Sampler(vocabulary.vocabularySize());

  private Constraint begin(JsonNode schema) {
    AnswerForm form = AnswerForm.of(new JsonFormat("", Optional.of(schema.toString())));
    return constraints.begin(TenantId.DEFAULT, form).orElseThrow();
  }

  @Test
  void whatIsDrawnMeetsTheSchema() throws Exception {
    int whole = 0;
    for (int seed = 0; seed < SCHEMAS; seed++) {
      ObjectNode schema = new RandomSchemas(seed).schema();
      JsonSchema validator = VALIDATORS.getSchema(schema);
      for (int draw = 0; draw < 4; draw++) {
        Optional<byte[]> drawn = draw(begin(schema), new Random(1000L * seed + draw), 3000);
        if (drawn.isPresent()) {
          String text = decoded(drawn.get());
          JsonNode value = MAPPER.readTree(text);
          assertThat(validator.validate(value))
              .as("seed %d: %s for %s", seed, text, schema)
              .isEmpty();
          whole++;
        }
      }
    }
    assertThat(whole).isGreaterThan(3 * SCHEMAS);
  }

  /** Draws from random logits, in which what ends something is likelier. */
  private Optional<byte[]> draw(Constraint constraint, Random random, int tokensMax)
      throws BadLogitsException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SamplingParams params =
        new SamplingParams(1, 1, 0, 0, 1, 0, 0, random.nextLong(), List.of(), 1, false, false, 0);
    float[] logits = new float[vocabulary.vocabularySize()];
    for (int position = 0; position < tokensMax; position++) {
      for (int id = 0; id < logits.length; id++) {
        logits[id] = (float) random.nextGaussian();
      }
      for (char closing : "\"]}".toCharArray()) {
        logits[closing] += 5;
      }
      logits[vocabulary.end()] += 5;
      int id =
          sampler.sample(FloatBuffer.wrap(logits), 0, params, null, position, constraint.mask());
      if (id == vocabulary.end()) {
        return Optional.of(out.toByteArray());
      }
      assertThat(constraint.accept(id)).isTrue();
      out.writeBytes(vocabulary.bytes(id));
      if (constraint.complete()) {
        return Optional.of(out.toByteArray());
      }
    }
    return Optional.empty();
  }

  private static String decoded(byte[] bytes) throws IOException {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .decode(ByteBuffer.wrap(bytes))
        .toString();
  }

  @Test
  void whatMeetsTheSchemaIsLetThrough() throws IOException {
    for (int seed = 0; seed < SCHEMAS; seed++) {
      RandomSchemas random = new RandomSchemas(seed);
      ObjectNode schema = random.schema();
      JsonSchema validator = VALIDATORS.getSchema(schema);
      for (int i = 0; i < 4; i++) {
        JsonNode value = random.value(schema, schema, 6);
        assertThat(validator.validate(value)).as("seed %d: %s", seed, value).isEmpty();
        for (String text : written(value)) {
          assertThat(accepts(schema, text)).as("seed %d: %s for %s", seed, text, schema).isTrue();
        }
      }
    }
  }

  /** In one line without spaces, with spaces as Python writes it, and indented by two. */
  private static List<String> written(JsonNode value) throws IOException {
    Separators separators =
        new Separators(
            Separators.DEFAULT_ROOT_VALUE_SEPARATOR,
            ':',
            Separators.Spacing.AFTER,
            ',',
            Separators.Spacing.AFTER,
            "",
            ',',
            Separators.Spacing.AFTER,
            "");
    DefaultPrettyPrinter spaced = new DefaultPrettyPrinter(separators);
    spaced.indentArraysWith(new DefaultPrettyPrinter.NopIndenter());
    spaced.indentObjectsWith(new DefaultPrettyPrinter.NopIndenter());
    Separators tight =
        new Separators(
            Separators.DEFAULT_ROOT_VALUE_SEPARATOR,
            ':',
            Separators.Spacing.AFTER,
            ',',
            Separators.Spacing.NONE,
            "",
            ',',
            Separators.Spacing.NONE,
            "");
    DefaultPrettyPrinter indented = new DefaultPrettyPrinter(tight);
    indented.indentArraysWith(new DefaultIndenter("  ", "\n"));
    indented.indentObjectsWith(new DefaultIndenter("  ", "\n"));
    return List.of(
        value.toString(),
        MAPPER.writer(spaced).writeValueAsString(value),
        MAPPER.writer(indented).writeValueAsString(value));
  }

  private boolean accepts(JsonNode schema, String text) {
    Constraint constraint = begin(schema);
    for (int id : vocabulary.encode(text, false)) {
      if (!constraint.accept(id)) {
        return false;
      }
    }
    return has(constraint.mask(), vocabulary.end());
  }

  @Test
  void whatIsDamagedIsLetThroughOnlyIfItStillMeetsTheSchema() throws IOException {
    int refused = 0;
    for (int seed = 0; seed < SCHEMAS; seed++) {
      RandomSchemas random = new RandomSchemas(seed);
      ObjectNode schema = random.schema();
      JsonSchema validator = VALIDATORS.getSchema(schema);
      Random damage = new Random(seed);
      for (int i = 0; i < 20; i++) {
        StringBuilder text = new StringBuilder(random.value(schema, schema, 4).toString());
        int at = damage.nextInt(text.length());
        switch (damage.nextInt(3)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.insert(at, "{}[]\",:0-.ab\\".charAt(damage.nextInt(13)));
          default -> text.setCharAt(at, "{}[]\",:0-.ab\\".charAt(damage.nextInt(13)));
        }
        if (accepts(schema, text.toString())) {
          JsonNode value = MAPPER.readTree(text.toString());
          assertThat(validator.validate(value))
              .as("seed %d: %s for %s", seed, text, schema)
              .isEmpty();
        } else {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(5 * SCHEMAS);
  }

  @Test
  void theMaskIsWhatEachTokenWouldMeet() throws BadLogitsException {
    for (int seed = 0; seed < 40; seed++) {
      ObjectNode schema = new RandomSchemas(seed).schema();
      Random random = new Random(seed);
      List<Integer> path = new ArrayList<>();
      for (int step = 0; step < 12; step++) {
        Constraint here = replayed(schema, path);
        long[] mask = here.mask();
        List<Integer> open = new ArrayList<>();
        for (int id = 0; id < vocabulary.vocabularySize(); id++) {
          boolean fits = id != vocabulary.end() && replayed(schema, path).accept(id);
          if (id != vocabulary.end()) {
            assertThat(has(mask, id)).as("seed %d, token %d", seed, id).isEqualTo(fits);
          }
          if (fits) {
            open.add(id);
          }
        }
        assertThat(has(mask, vocabulary.end()) || !open.isEmpty()).isTrue();
        if (open.isEmpty()) {
          break;
        }
        path.add(open.get(random.nextInt(open.size())));
      }
    }
  }

  private Constraint replayed(JsonNode schema, List<Integer> path) {
    Constraint constraint = begin(schema);
    path.forEach(constraint::accept);
    return constraint;
  }

  private static boolean has(long[] mask, int id) {
    return (mask[id >> 6] >>> id & 1) != 0;
  }
}
