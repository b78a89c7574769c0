// Paint a body: what lies at this place of the resting body, lit by a sun and a sky.
// Writes colour with full coverage, and (person, distance along the camera's axis).
#version 330
in vec3 at;
in vec3 facing;
in vec3 rested;
in vec4 mark;  // along the arm, along the leg, belonging to the head, to an arm

uniform vec3 skin, hair, shirt, shirt2, trousers, trousers2, shoes;
uniform float sleeve, leg, waist, neckline, hairline, pattern_scale, beard, seed;
uniform int shirt_pattern, trousers_pattern;
uniform vec3 sun, sun_colour, sky_colour, ground_colour;
uniform float index;
uniform sampler3D grain;  // 32³ random values, repeating

layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 found;

// Three smooth noises in [0, 1] at once; features are 1 unit large.
vec3 noise(vec3 p) { return texture(grain, p / 32.0).rgb; }

vec3 cloth(vec3 first, vec3 second, int pattern) {
    vec2 p = rested.xz * pattern_scale;
    float on = 0.0;
    if (pattern == 1) on = step(0.5, fract(p.x));
    if (pattern == 2) on = step(0.5, fract(p.y));
    if (pattern == 3) on = 0.5 * (step(0.5, fract(p.x)) + step(0.5, fract(p.y)));
    if (pattern == 4) on = step(length(fract(p) - 0.5), 0.3);
    if (pattern == 5) on = smoothstep(0.5, 0.6, noise(rested * pattern_scale + seed).r);
    return mix(first, second, on);
}

vec3 face(vec3 base) {
    vec2 p = vec2(abs(rested.x), rested.z);
    float front = step(rested.y, -0.09);
    vec3 c = base;
    float eye = length((p - vec2(0.030, 0.649)) * vec2(1.0, 1.9));
    c = mix(c, vec3(0.85), front * (1.0 - smoothstep(0.012, 0.015, eye)));
    c = mix(c, vec3(0.06, 0.05, 0.05), front * (1.0 - smoothstep(0.006, 0.009, length(p - vec2(0.030, 0.649)))));
    float brow = length((p - vec2(0.034, 0.672)) * vec2(1.0, 4.5));
    c = mix(c, hair * 0.8, front * 0.8 * (1.0 - smoothstep(0.018, 0.024, brow)));
    float lips = length((p - vec2(0.0, 0.570)) * vec2(1.0, 2.6));
    c = mix(c, c * vec3(0.85, 0.5, 0.5), front * (1.0 - smoothstep(0.020, 0.026, lips)));
    float chin = (1.0 - smoothstep(0.555, 0.60, rested.z)) * step(rested.y, -0.03);
    return mix(c, hair, 0.8 * beard * chin * smoothstep(0.02, 0.03, lips));
}

void main() {
    vec3 base;
    float shine = 0.0, ripple = 0.0;
    float back = dot(rested - vec3(0.0, -0.06, 0.66), vec3(0.0, 0.55, 0.83)) - hairline;
    float wobble = 0.012 * (noise(rested * 60.0 + seed).r - 0.5);
    if (mark.z > 0.5) {
        bool hairy = back + wobble > 0.0;
        base = hairy ? hair * (0.8 + 0.4 * noise(rested * vec3(250.0, 40.0, 40.0)).r) : face(skin);
        shine = hairy ? 0.15 : 0.12;
    } else if (mark.w > 0.5) {
        bool covered = mark.x < sleeve;
        base = covered ? cloth(shirt, shirt2, shirt_pattern) : skin;
        ripple = covered ? 1.0 : 0.0;
    } else if (mark.y > 0.93) {
        base = shoes;
        shine = 0.2;
    } else if (rested.z > waist) {
        float collar = neckline - 0.7 * max(0.0, 0.09 - abs(rested.x)) * step(rested.y, 0.0);
        bool covered = rested.z < collar;
        base = covered ? cloth(shirt, shirt2, shirt_pattern) : skin;
        ripple = covered ? 1.0 : 0.0;
    } else {
        bool covered = mark.y < leg;
        base = covered ? cloth(trousers, trousers2, trousers_pattern) : skin;
        ripple = covered ? 1.0 : 0.0;
    }
    vec3 bump = noise(rested * 18.0 + seed);
    vec3 n = normalize(facing + ripple * 0.9 * (bump - 0.5));
    float lit = max(dot(n, sun), 0.0);
    vec3 sky = mix(ground_colour, sky_colour, 0.5 - 0.5 * n.y);
    vec3 halfway = normalize(sun - normalize(at));
    float glint = shine * pow(max(dot(n, halfway), 0.0), 24.0);
    base *= 0.92 + 0.16 * noise(rested * 90.0 + seed).r;
    colour = vec4(clamp(base * (sky + lit * sun_colour) + glint * sun_colour, 0.0, 1.0), 1.0);
    found = vec2(index, at.z);
}
