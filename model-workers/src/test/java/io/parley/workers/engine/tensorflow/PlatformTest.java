package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Kernels;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {
  @ParameterizedTest
  @CsvSource({"Mac OS X,aarch64", "Windows 11,amd64", "Linux,aarch64"})
  void refusesPlatformsWithoutLibraries(String system, String architecture) {
    assertThatThrownBy(() -> Natives.requireSupported(system, architecture))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining(architecture)
        .hasMessageContaining(Natives.LIBRARY_PATH);
  }

  @Test
  void takesLinuxOnX86() {
    assertThatCode(() -> Natives.requireSupported("Linux", "amd64")).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource({
    "fpu avx2 fma,F32",
    "fpu fpu avx512f avx512_bf16,BF16",
    "amx_tile amx_bf16,BF16",
    "'',F32"
  })
  void choosesTheArithmeticByTheCpu(String flags, Arithmetic expected) {
    assertThat(cpu(flags).fastestArithmetic()).isEqualTo(expected);
  }

  private static CpuFeatures cpu(String flags) {
    return CpuFeatures.read(List.of("processor : 0", "flags\t\t: " + flags));
  }

  @ParameterizedTest
  @CsvSource({
    "avx2 fma avx512f avx512bw avx512vl avx512dq avx512_bf16,AVX512BF16",
    "avx2 fma avx512f avx512_bf16,AVX512F",
    "avx2 fma avx,AVX2",
    "avx2,PORTABLE",
    "'',PORTABLE"
  })
  void choosesTheKernelsByTheCpu(String flags, Kernels expected) {
    assertThat(cpu(flags).bestKernels()).isEqualTo(expected);
    assertThat(cpu(flags).runs(expected)).isTrue();
  }

  @Test
  void roundsToTheNearestBfloat16() {
    assertThat(Bfloat16.widen(Bfloat16.round(1 + 1 / 256f))).isEqualTo(1f); // tie to even
    assertThat(Bfloat16.widen(Bfloat16.round(1 + 3 / 256f))).isEqualTo(1 + 4 / 256f); // tie to even
    assertThat(Bfloat16.widen(Bfloat16.round(-3 - 37 / 256f))).isEqualTo(-3 - 36 / 256f);
    assertThat(Bfloat16.widen(Bfloat16.round(Float.NaN))).isNaN();
    assertThat(Bfloat16.widen(Bfloat16.round(Float.MAX_VALUE))).isInfinite();
  }
}
