//! The quantizers of ITU-T G.726 (tables 1 to 4 and §2.3 to §2.5 of the recommendation).

/// What differs between the rates. The last three are indexed by the code.
pub(crate) struct Tables {
    /// Bits of a code.
    pub(crate) bits: usize,
    /// Upper bounds of the quantizer's intervals.
    pub(crate) bounds: &'static [i32],
    /// Quantized difference, as a logarithm.
    pub(crate) levels: &'static [i32],
    /// How the scale factor changes, W(I), times 32.
    pub(crate) scale_changes: &'static [i32],
    /// How fast it may change, F(I), times 512.
    pub(crate) speeds: &'static [i32],
}

pub(crate) fn of(bits: usize) -> &'static Tables {
    match bits {
        2 => &BITS_2,
        3 => &BITS_3,
        4 => &BITS_4,
        _ => &BITS_5,
    }
}

static BITS_2: Tables = Tables {
    bits: 2,
    bounds: &[261],
    levels: &[116, 365, 365, 116],
    scale_changes: &[-704, 14_048, 14_048, -704],
    speeds: &[0, 0xe00, 0xe00, 0],
};

static BITS_3: Tables = Tables {
    bits: 3,
    bounds: &[8, 218, 331],
    levels: &[-2_048, 135, 273, 373, 373, 273, 135, -2_048],
    scale_changes: &[-128, 960, 4_384, 18_624, 18_624, 4_384, 960, -128],
    speeds: &[0, 0x200, 0x400, 0xe00, 0xe00, 0x400, 0x200, 0],
};

static BITS_4: Tables = Tables {
    bits: 4,
    bounds: &[-124, 80, 178, 246, 300, 349, 400],
    levels: &[
        -2_048, 4, 135, 213, 273, 323, 373, 425, 425, 373, 323, 273, 213, 135, 4, -2_048,
    ],
    scale_changes: &[
        -384, 576, 1_312, 2_048, 3_584, 6_336, 11_360, 35_904, 35_904, 11_360, 6_336, 3_584, 2_048,
        1_312, 576, -384,
    ],
    speeds: &[
        0, 0, 0, 0x200, 0x200, 0x200, 0x600, 0xe00, 0xe00, 0x600, 0x200, 0x200, 0x200, 0, 0, 0,
    ],
};

static BITS_5: Tables = Tables {
    bits: 5,
    bounds: &[
        -122, -16, 68, 139, 198, 250, 298, 339, 378, 413, 445, 475, 502, 528, 553,
    ],
    levels: &[
        -2_048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566, 566, 539,
        514, 488, 459, 429, 395, 358, 318, 274, 224, 169, 104, 28, -66, -2_048,
    ],
    scale_changes: &[
        448, 448, 768, 1_248, 1_280, 1_312, 1_856, 3_200, 4_512, 5_728, 7_008, 8_960, 11_456,
        14_080, 16_928, 22_272, 22_272, 16_928, 14_080, 11_456, 8_960, 7_008, 5_728, 4_512, 3_200,
        1_856, 1_312, 1_280, 1_248, 768, 448, 448,
    ],
    speeds: &[
        0, 0, 0, 0, 0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400, 0x600, 0x800, 0xa00, 0xc00, 0xc00,
        0xc00, 0xc00, 0xa00, 0x800, 0x600, 0x400, 0x200, 0x200, 0x200, 0x200, 0x200, 0, 0, 0, 0, 0,
    ],
};
