// Place a body's vertex in the picture and push cloth and hair off the skin.
// Camera frame: x right, y down, z away, metres. The clip volume reaches from 0.1 m to 200 m.
#version 330
in vec3 position;
in vec3 normal;
in vec3 rest;   // where the vertex is on the resting body, m
in vec4 marks;  // along the arm, along the leg, belonging to the head, to an arm

uniform vec2 half_size;  // picture, pixels
uniform vec2 centre;     // where the camera's axis meets the picture, pixels
uniform float focal;     // pixels
uniform float loose, sleeve, leg, waist, neckline, hairline, hair_volume, seed;

out vec3 at;
out vec3 facing;
out vec3 rested;
out vec4 mark;

float on_hair(vec3 p) {
    return smoothstep(0.0, 0.03, dot(p - vec3(0.0, -0.06, 0.66), vec3(0.0, 0.55, 0.83)) - hairline);
}

void main() {
    float push = 0.0;
    float fold = 0.6 + 0.4 * sin(rest.z * 31.0 + seed) * sin(rest.x * 23.0 + rest.y * 29.0 + seed);
    if (marks.z > 0.5) {
        push = hair_volume * on_hair(rest);
    } else if (marks.w > 0.5) {
        push = loose * fold * (1.0 - smoothstep(sleeve - 0.05, sleeve + 0.02, marks.x));
    } else if (rest.z > -0.6) {
        push = loose * fold * (1.0 - smoothstep(neckline - 0.1, neckline, rest.z));
        push *= 1.0 - smoothstep(leg - 0.05, leg + 0.05, marks.y);
    }
    vec3 moved = position + normal * push;
    at = moved;
    facing = normal;
    rested = rest;
    mark = marks;
    float near = 0.1, far = 200.0;
    float depth = (moved.z * (far + near) - 2.0 * far * near) / (far - near);
    vec2 off = (focal * moved.xy + centre * moved.z) / half_size - moved.z;
    gl_Position = vec4(off.x, -off.y, depth, moved.z);
}
